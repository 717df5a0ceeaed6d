"""`vidra archive`: what was downloaded, what was deleted on purpose, and taking over existing libraries."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vidra.cli import failures
from vidra.cli.columns import columns, output_width
from vidra.cli.exit_codes import ExitCode
from vidra.cli.invocation import Invocation
from vidra.errors import UsageError

if TYPE_CHECKING:
    from vidra.engine.subscriptions.archive import ArchiveLine
    from vidra.settings import Settings
    from vidra.state.holdings import Holdings

app = typer.Typer(
    name="archive", help="See what was downloaded or deleted, and take over libraries.", no_args_is_help=True
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead.")]
Keys = Annotated[list[str], typer.Argument(metavar="KEY", help="Archive keys, `extractor id`.")]


@app.command("ls")
def list_archive(
    ctx: typer.Context,
    *,
    subscription: Annotated[
        str | None, typer.Option("--subscription", "-s", metavar="NAME", help="Only what this one names.")
    ] = None,
    deleted: Annotated[
        bool, typer.Option("--deleted", help="Only what was deleted on purpose, and why.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List what was downloaded: key, subscriptions, file; and what was deleted on purpose."""
    from vidra.engine.subscriptions.archive import archive_lines  # noqa: PLC0415 - `vidra --help` must stay fast

    found = archive_lines(Invocation.of(ctx).settings(), subscription=subscription, deleted=deleted)
    if as_json:
        _print_json([line.to_json() for line in found])
        return
    rows = [_row(line) for line in found]
    typer.echo("\n".join(columns(("KEY", "STATE", "LISTS", "WHAT"), rows, width=output_width())))


@app.command("check")
def check_archive(
    ctx: typer.Context,
    *,
    bury: Annotated[
        bool,
        typer.Option("--bury", help="Record items whose file is gone as deleted on purpose."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Compare the archive with itself and with the library: gone files, lines nobody can read.

    Exit codes: 0 all is well, 1 something is not.
    """
    from vidra.engine.subscriptions.archive import check, holdings_of  # noqa: PLC0415 - as above

    settings = Invocation.of(ctx).settings()
    found = check(settings)
    if bury and found.gone:
        with holdings_of(settings) as holdings:
            holdings.bury(found.gone, reason="its file is gone (vidra archive check --bury)")
    if as_json:
        _print_json(found.to_json())
    else:
        typer.echo(f"{found.keys} keys, {found.held} files known, {found.deleted} deleted on purpose")
        for key, file in found.gone.items():
            typer.echo(f"{'buried' if bury else 'gone'}: {key}: {file}")
        for problem in found.problems:
            typer.echo(problem)
    wrong = bool(found.problems) or (bool(found.gone) and not bury)
    raise typer.Exit(ExitCode.FAILED if wrong else ExitCode.OK)


@app.command("import")
def import_archive(
    ctx: typer.Context,
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH",
            help="Archives of yt-dlp or ytdl-sub, or folders with those, `.info.json` or NFO files.",
        ),
    ],
    *,
    subscription: Annotated[
        str | None,
        typer.Option("--subscription", "-s", metavar="NAME", help="Subscription that the files belong to."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Say what would be taken over.")] = False,
    as_json: Json = False,
) -> None:
    """Take over what other programs downloaded, so that it is not downloaded again. Files stay as they are.

    Exit codes: 0 all was read, 3 some files made no sense and were left out.
    """
    from vidra.engine.subscriptions.archive import take_over  # noqa: PLC0415 - as above

    settings = Invocation.of(ctx).settings()
    if subscription is not None:
        _check_name(settings, subscription)
    done = take_over(paths, settings=settings, subscription=subscription, dry_run=dry_run)
    if as_json:
        _print_json(done.to_json())
    else:
        word = "would take over" if dry_run else "took over"
        typer.echo(f"{word} {done.new_keys} of {done.items} items, {done.files} of them with their file")
        for unread in done.unread:
            failures.say(f"{unread.source}: {unread.reason}")
    raise typer.Exit(ExitCode.PARTIAL if done.unread else ExitCode.OK)


@app.command("forget")
def forget(
    ctx: typer.Context,
    keys: Keys,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Forget items, tombstones too, so that they may be downloaded again. Files stay."""
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("nobody to ask: add --yes to forget items without a question")
        typer.confirm(
            f"Forget {len(keys)} items, so that they may be downloaded again?", abort=True, err=True
        )
    with _holdings(ctx) as holdings:
        missing = [key for key in keys if not holdings.forget(key)]
    _report(keys, missing, "forgot")


@app.command("bury")
def bury(
    ctx: typer.Context,
    keys: Keys,
    *,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why.")] = "deleted by a person",
) -> None:
    """Record items as deleted on purpose: no subscription fetches them (again). Files stay."""
    with _holdings(ctx) as holdings:
        holdings.bury(keys, reason=reason)
    _report(keys, [], "buried")


def _report(keys: Sequence[str], missing: Sequence[str], word: str) -> None:
    for key in keys:
        if key in missing:
            failures.say(f"the archive has no `{key}`")
        else:
            typer.echo(f"{word} {key}")
    if missing:
        raise typer.Exit(ExitCode.FAILED if len(missing) == len(keys) else ExitCode.PARTIAL)


def _holdings(ctx: typer.Context) -> Holdings:
    from vidra.engine.subscriptions.archive import holdings_of  # noqa: PLC0415 - as above

    return holdings_of(Invocation.of(ctx).settings())


def _check_name(settings: Settings, name: str) -> None:
    from vidra.settings.inheritance import subscription  # noqa: PLC0415 - as above

    subscription(name, settings.subscriptions)


def _row(line: ArchiveLine) -> tuple[str, ...]:
    return (line.key, line.state, ", ".join(line.lists), line.what)


def _print_json(value: Any) -> None:  # noqa: ANN401 - whatever JSON takes
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
