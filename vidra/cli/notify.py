"""`vidra notify`: whom Vidra tells what, whether they can be reached, and the secrets that takes."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from vidra.cli.exit_codes import ExitCode
from vidra.cli.invocation import Invocation
from vidra.cli.secret_input import SecretEnv, SecretFile, store_named
from vidra.errors import UsageError

app = typer.Typer(
    name="notify",
    help="See who is told what, try it, and store the secrets that takes.",
    no_args_is_help=True,
)
Json = Annotated[bool, typer.Option("--json", help="Print a JSON array instead.")]


@app.command("ls")
def ls(ctx: typer.Context, *, as_json: Json = False) -> None:
    """List the channels: what they are told, when they were last reached, and what waits for them."""
    rows = _rows(Invocation.of(ctx))
    if as_json:
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    for row in rows:
        events = ", ".join(row["events"]) or "everything"
        doing = (
            f"{row['waiting']} waiting: {row['problem']}" if row["problem"] else f"{row['waiting']} waiting"
        )
        told = row["delivered_at"] or "never"
        missing = "".join(f"  {one} is not set" for one in row["missing"])
        typer.echo(f"{row['channel']:<16}{row['kind']:<9}{events}; last told {told}; {doing}{missing}")
    if not rows:
        typer.echo("No channels: `notifications.channels` declares them, see docs/notices.md", err=True)


@app.command("test")
def try_channels(
    ctx: typer.Context,
    channel: Annotated[str | None, typer.Argument(metavar="CHANNEL", help="Which one; none: all.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """Send a test message at once, whatever rules and digest say.

    Exit codes: 0 everybody took it, 1 somebody did not.
    """
    from vidra.engine.notices.notifying import try_channel  # noqa: PLC0415 - `vidra --help` must stay fast

    settings = Invocation.of(ctx).settings()
    known = settings.notifications.channels
    if channel is not None and channel not in known:
        raise UsageError(f"channel {channel}: expected one of {', '.join(known) or 'none: none is declared'}")
    if not known:
        raise UsageError("notifications.channels: expected at least one, see docs/notices.md")
    done = [try_channel(name, settings) for name in ([channel] if channel else known)]
    if as_json:
        answer = [{"channel": one.channel, "ok": one.problem is None, "problem": one.problem} for one in done]
        typer.echo(json.dumps(answer, indent=2, ensure_ascii=False))
    for one in () if as_json else done:
        typer.echo(f"{one.channel:<16}{one.problem or 'took the message'}")
    if any(one.problem for one in done):
        raise typer.Exit(ExitCode.FAILED)


@app.command("secret")
def secret(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the settings call `secret:NAME`.")],
    *,
    file: SecretFile = None,
    variable: SecretEnv = None,
) -> None:
    """Store an address or a signing key in the keyring or the encrypted file; asks for it."""
    from vidra.engine.notices.notifying import save_secret  # noqa: PLC0415 - `vidra --help` must stay fast

    place = store_named(name, Invocation.of(ctx).settings(), save_secret, file=file, variable=variable)
    typer.echo(f"secret:{name} is stored ({place})")


def _rows(invocation: Invocation) -> list[dict[str, Any]]:
    from vidra.engine.notices.notifying import secret_place, standings  # noqa: PLC0415 - the same

    settings = invocation.settings()
    known, rows = standings(settings), []
    for name, channel in settings.notifications.channels.items():
        wanted = [channel.apprise, channel.webhook, channel.signing_key]
        references = [one for one in wanted if one is not None and one.startswith("secret:")]
        nothing = {"delivered_at": None, "failed_at": None, "problem": None, "waiting": 0}
        rows.append(
            {
                "channel": name,
                "kind": "apprise" if channel.apprise else "webhook",
                "events": [event.value for event in channel.events],
                "subjects": list(channel.subjects),
                "digest": channel.digest,
                "missing": [one for one in references if secret_place(one, settings) is None],
                **known.get(name, nothing),
            }
        )
    return rows
