"""`vidra source add` and `vidra source login`: signing in from a terminal."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidra.cli.invocation import Invocation
from vidra.cli.secret_input import SecretEnv, SecretFile, read_secret
from vidra.cli.source_access import found_source, report, tell_engine, with_sources
from vidra.errors import UsageError
from vidra.settings.sources import FolderKind

if TYPE_CHECKING:
    from pydantic import SecretStr

    from vidra.engine.sources.access import SourceRoom
    from vidra.engine.sources.sign_in import JellyfinChoice, PlexChoice
    from vidra.servers.jellyfin_login import QuickConnect
    from vidra.servers.plex_account import HomeUser, Pin
    from vidra.state.source_interface import Source

app = typer.Typer()
add_app = typer.Typer(name="add", help="Add a Plex or Jellyfin server, or folders.", no_args_is_help=True)
app.add_typer(add_app)

NewId = Annotated[str | None, typer.Option("--id", metavar="ID", help="Id of the source; none: made up.")]
Name = Annotated[str | None, typer.Option("--name", metavar="TEXT", help="Name to show; none: the server's.")]
Mapping = Annotated[
    list[str] | None,
    typer.Option(
        "--map", metavar="OURS=THEIRS", help="A folder here and what the server calls it; may be repeated."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead.")]
Profile = Annotated[
    str | None, typer.Option("--profile", metavar="NAME", help="Profile of the Plex Home; asks for its PIN.")
]
Link = Annotated[bool, typer.Option("--link", help="Only print a link to open; there is no code to type.")]


class Terminal:
    """Shows what a sign-in waits for, on the error stream: the output belongs to the result."""

    def show_pin(self, pin: Pin) -> None:
        """Print the code and the page."""
        until = pin.expires_at.astimezone().strftime("%H:%M:%S")
        if len(pin.code) <= 8:
            typer.echo(f"Enter the code {pin.code} at {pin.link_url}", err=True)
        typer.echo(f"Open {pin.auth_url}", err=True)
        typer.echo(f"Waiting until {until}; Ctrl-C gives up.", err=True)

    def show_quick_connect(self, pending: QuickConnect) -> None:
        """Print the code."""
        typer.echo(f"Enter the code {pending.code} at Quick Connect on a device that is signed in.", err=True)
        typer.echo("Waiting for 10 minutes; Ctrl-C gives up.", err=True)

    def profile_pin(self, profile: HomeUser) -> SecretStr:
        """Ask without showing it."""
        from pydantic import SecretStr  # noqa: PLC0415 - `vidra --help` must stay fast

        if not sys.stdin.isatty():
            raise UsageError(f"the profile `{profile.name}` has a PIN, and there is nobody to ask for it")
        return SecretStr(typer.prompt(f"PIN of {profile.name}", hide_input=True, err=True))


@add_app.command("plex")
def add_plex(
    ctx: typer.Context,
    *,
    url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Address of the server; asks for its token."),
    ] = None,
    server: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which server of the account; none: the best one.")
    ] = None,
    profile: Profile = None,
    link: Link = False,
    source_id: NewId = None,
    name: Name = None,
    mapping: Mapping = None,
    secret_file: SecretFile = None,
    secret_env: SecretEnv = None,
    as_json: Json = False,
) -> None:
    """Sign in at plex.tv with a link code, or with a token, and add one of the account's servers."""
    from vidra.engine.sources.sign_in import (  # noqa: PLC0415 - `vidra --help` must stay fast
        PlexChoice,
        Wanted,
        sign_in_to_plex,
        store_server,
    )

    token = None
    if url is not None or secret_file is not None or secret_env is not None:
        token = _secret("Plex token", secret_file, secret_env)
    choice = PlexChoice(token=token, url=_url(url), server=server, profile=profile, strong=link)
    wanted = Wanted(source_id=source_id, name=name, path_mappings=_mappings(mapping))

    async def add(room: SourceRoom) -> Source:
        """Sign in, then store the server."""
        return await store_server(room, await sign_in_to_plex(room, choice, Terminal()), wanted)

    _add(ctx, add, as_json=as_json)


@add_app.command("jellyfin")
def add_jellyfin(
    ctx: typer.Context,
    url: Annotated[str, typer.Argument(metavar="URL", help="Address of the server.")],
    *,
    user: Annotated[
        str | None, typer.Option(metavar="NAME", help="Sign in with a password; none: by Quick Connect.")
    ] = None,
    source_id: NewId = None,
    name: Name = None,
    mapping: Mapping = None,
    secret_file: SecretFile = None,
    secret_env: SecretEnv = None,
    as_json: Json = False,
) -> None:
    """Sign in to a Jellyfin server by password or Quick Connect, and add it."""
    from vidra.engine.sources.sign_in import (  # noqa: PLC0415 - the same
        JellyfinChoice,
        Wanted,
        sign_in_to_jellyfin,
        store_server,
    )

    password = None if user is None else _secret(f"password of {user}", secret_file, secret_env)
    choice = JellyfinChoice(user=user, password=password)
    wanted, address = (
        Wanted(source_id=source_id, name=name, path_mappings=_mappings(mapping)),
        _url(url) or url,
    )

    async def add(room: SourceRoom) -> Source:
        """Sign in, then store the server."""
        return await store_server(room, await sign_in_to_jellyfin(room, address, choice, Terminal()), wanted)

    _add(ctx, add, as_json=as_json)


@add_app.command("local")
def add_local(
    ctx: typer.Context,
    folders: Annotated[
        list[Path],
        typer.Argument(metavar="FOLDER", exists=True, file_okay=False, resolve_path=True, help="Folders."),
    ],
    *,
    kind: Annotated[FolderKind, typer.Option(help="What the folders hold.")] = FolderKind.MOVIES,
    source_id: NewId = None,
    name: Name = None,
    as_json: Json = False,
) -> None:
    """Add folders of this machine as a source; each becomes a library."""
    from vidra.engine.sources.sign_in import Wanted, store_folders  # noqa: PLC0415 - the same
    from vidra.state.source_interface import SourceFolder  # noqa: PLC0415 - the same

    libraries = [SourceFolder(path=str(folder), kind=kind.value) for folder in folders]

    async def add(room: SourceRoom) -> Source:
        """Store the folders."""
        return await store_folders(room, libraries, Wanted(source_id=source_id, name=name))

    _add(ctx, add, as_json=as_json)


@app.command("login")
def login(
    ctx: typer.Context,
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Id or name of the source.")],
    *,
    user: Annotated[str | None, typer.Option(metavar="NAME", help="Jellyfin: by password.")] = None,
    token: Annotated[bool, typer.Option("--token", help="Plex: by token, not by code.")] = False,
    profile: Profile = None,
    link: Link = False,
    secret_file: SecretFile = None,
    secret_env: SecretEnv = None,
    as_json: Json = False,
) -> None:
    """Sign in to a source again; it keeps its id and its library. Works on the same server only."""

    async def again(room: SourceRoom) -> Source:
        """Sign in to the known server once more."""
        from vidra.engine.sources.sign_in import sign_in_again  # noqa: PLC0415 - the same

        known = found_source(room, source)
        given = token or secret_file is not None or secret_env is not None
        plex, jellyfin = _choices(room, known, user, given, secret_file, secret_env, profile, link)
        return await sign_in_again(room, known, plex, jellyfin, Terminal())

    _add(ctx, again, as_json=as_json)


def _choices(
    room: SourceRoom,
    source: Source,
    user: str | None,
    given: bool,
    secret_file: Path | None,
    secret_env: str | None,
    profile: str | None,
    link: bool,
) -> tuple[PlexChoice, JellyfinChoice]:
    from vidra.engine.sources.sign_in import JellyfinChoice, PlexChoice  # noqa: PLC0415 - the same

    if source.type.value == "plex":
        secret = _secret("Plex token", secret_file, secret_env) if given else None
        return PlexChoice(token=secret, profile=profile, strong=link), JellyfinChoice()
    declared = room.settings.sources.get(source.source_id)
    name = user or (declared.user if declared else None)
    secret = _secret(f"password of {name}", secret_file, secret_env) if name else None
    return PlexChoice(), JellyfinChoice(user=name, password=secret)


def _add(ctx: typer.Context, work: Callable[[SourceRoom], Awaitable[Source]], *, as_json: bool) -> None:
    """Do the sign-in, look at the source once, print it, and let the engine know."""
    settings = Invocation.of(ctx).settings()

    async def add(room: SourceRoom) -> None:
        from vidra.engine.sources.checks import check_sources  # noqa: PLC0415 - the same

        source = await work(room)
        report(room, (await check_sources(room, [source.source_id]))[0], as_json=as_json)

    with_sources(settings, add)
    tell_engine(settings)


def _secret(what: str, file: Path | None, variable: str | None) -> SecretStr:
    from pydantic import SecretStr  # noqa: PLC0415 - the same

    from vidra.redaction import register_secret  # noqa: PLC0415 - the same

    text = read_secret(what, file=file, variable=variable)
    register_secret(text)
    return SecretStr(text)


def _mappings(texts: list[str] | None) -> dict[str, str]:
    pairs = {}
    for text in texts or ():
        ours, separator, theirs = text.partition("=")
        if not (separator and ours.strip() and theirs.strip()):
            raise UsageError(f"--map {text}: expected `our folder=their folder`")
        pairs[str(Path(ours.strip()).expanduser().absolute())] = theirs.strip()
    return pairs


def _url(url: str | None) -> str | None:
    """Return the address; raise `UsageError` for one that is none, or that carries credentials."""
    from vidra.settings.constraints import service_url  # noqa: PLC0415 - the same

    try:
        return None if url is None else service_url(url)
    except ValueError as error:
        raise UsageError(f"address: {error}") from error
