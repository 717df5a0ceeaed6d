"""`vidra library sync | diff | watched | unwatched | progress | rate | queue`: what changes something."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from vidra.cli.columns import columns, output_width
from vidra.cli.exit_codes import ExitCode
from vidra.cli.flow_request import run_flow
from vidra.cli.invocation import Invocation
from vidra.cli.library_pages import QUEUE_HEADER, queue_row
from vidra.cli.progress.wording import duration
from vidra.clock import SYSTEM_CLOCK
from vidra.engine.library.acting import drop, mark, queued, rate, record_changes, report
from vidra.engine.library.reading import Library
from vidra.engine.library.shelves import open_queue
from vidra.errors import SourceNotFound, UsageError
from vidra.library.rows import Shown
from vidra.library.status import SyncState
from vidra.library.watching import WatchChange

app = typer.Typer()

FLOW = "library-sync"
_SLACK_MS = 60_000  # a player's idea of the length may differ a little
Items = Annotated[list[str], typer.Argument(metavar="ITEM", help="As the lists name it, or an external id.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead.")]
Detach = Annotated[bool, typer.Option("--detach", "-d", help="Leave it to the running engine; do not wait.")]
Sources = Annotated[
    list[str] | None, typer.Argument(metavar="SOURCE", help="Ids of the sources; none means all.")
]


@app.command("sync")
def sync(
    ctx: typer.Context,
    sources: Sources = None,
    *,
    full: Annotated[bool, typer.Option("--full", help="List everything again, not just changes.")] = False,
    push: Annotated[bool, typer.Option("--push", help="Only tell the servers what was watched.")] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Forget whatever the servers do not list, however much it is.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Show what would change; change nothing.")
    ] = False,
    detach: Detach = False,
    as_json: Json = False,
) -> None:
    """Bring libraries up to date, and tell the servers what was watched.

    Exit codes: 0 done, 1 failed, 3 some sections failed, 130 interrupted.
    """
    request: dict[str, Any] = {"full": full or yes, "accept_deletions": yes, "push_only": push}
    _sync(ctx, sources, request | {"dry_run": dry_run}, detach=detach, as_json=as_json)


@app.command("diff")
def diff(ctx: typer.Context, sources: Sources = None, *, as_json: Json = False) -> None:
    """Show how the servers differ from what is known here; changes nothing."""
    _sync(ctx, sources, {"full": True, "dry_run": True}, detach=False, as_json=as_json)


@app.command("watched")
def watched(ctx: typer.Context, items: Items, *, as_json: Json = False) -> None:
    """Mark items as watched, here at once and on their servers as soon as they answer."""
    _record(ctx, items, lambda shown: mark(shown, watched=True, clock=SYSTEM_CLOCK), as_json=as_json)


@app.command("unwatched")
def unwatched(ctx: typer.Context, items: Items, *, as_json: Json = False) -> None:
    """Mark items as not watched."""
    _record(ctx, items, lambda shown: mark(shown, watched=False, clock=SYSTEM_CLOCK), as_json=as_json)


@app.command("progress")
def progress(
    ctx: typer.Context,
    item: Annotated[str, typer.Argument(metavar="ITEM", help="As the lists name it, or an external id.")],
    position: Annotated[str, typer.Argument(metavar="TIME", help="How far: `1:02:03`, `12:30` or seconds.")],
    *,
    as_json: Json = False,
) -> None:
    """Say how far an item was played; from nine tenths on it counts as watched."""
    at = _milliseconds(position)

    def made(shown: Shown) -> WatchChange:
        """Refuse what is beyond the end: a slip of the finger would count as watched."""
        length = shown.record.get("duration_ms")
        if length and at > length + _SLACK_MS:
            raise UsageError(f"position {position!r}: the item is {duration(length / 1000)} long")
        return report(shown, at, clock=SYSTEM_CLOCK)

    _record(ctx, [item], made, as_json=as_json)


@app.command("rate")
def rate_item(
    ctx: typer.Context,
    item: Annotated[str, typer.Argument(metavar="ITEM", help="As the lists name it, or an external id.")],
    rating: Annotated[float, typer.Argument(min=0, max=10, help="From 0 to 10.")],
    *,
    as_json: Json = False,
) -> None:
    """Give an item your rating."""
    _record(ctx, [item], lambda shown: rate(shown, rating, clock=SYSTEM_CLOCK), as_json=as_json)


@app.command("queue")
def show_queue(
    ctx: typer.Context,
    *,
    forget: Annotated[
        list[str] | None,
        typer.Option("--drop", metavar="CHANGE", help="Forget this change; may be given many times."),
    ] = None,
    as_json: Json = False,
) -> None:
    """List what the servers still have to be told, and why it waits."""
    with open_queue(Invocation.of(ctx).settings().storage) as queue:
        if forget:
            known = {change.key for change in queued(queue)}
            for key in forget:
                if key not in known:
                    raise UsageError(f"no change `{key}` is queued; `vidra library queue` lists them")
            drop(queue, forget)
        changes = queued(queue)
    if as_json:
        typer.echo(json.dumps([change.model_dump(mode="json") for change in changes], indent=2))
        return
    typer.echo("\n".join(columns(QUEUE_HEADER, [queue_row(one) for one in changes], width=output_width())))


def _record(
    ctx: typer.Context, items: Sequence[str], make: Callable[[Shown], WatchChange], *, as_json: bool
) -> None:
    storage = Invocation.of(ctx).settings().storage
    with Library(storage) as library, open_queue(storage) as queue:
        found = [library.find(item) for item in items]
        changes = [make(shown) for shown in found]
        for shown, change in zip(found, changes, strict=True):
            record_changes(queue, library.shelves(shown.source)[0].store, [change])
    if as_json:
        typer.echo(json.dumps([change.model_dump(mode="json") for change in changes], indent=2))
        return
    for change in changes:
        typer.echo(f"{change.title}: noted; `vidra library sync --push` tells the server now")


def _sync(
    ctx: typer.Context, sources: Sequence[str] | None, request: dict[str, Any], *, detach: bool, as_json: bool
) -> None:
    _check_sources(ctx, sources or ())
    asked = {"sources": list(sources) if sources else None} | request
    code, words = run_flow(Invocation.of(ctx), FLOW, asked, detach=detach)
    states = {} if detach else _states(ctx, sources)
    if as_json:
        typer.echo(json.dumps({"ok": code == ExitCode.OK, "message": words, "sources": states}, indent=2))
    else:
        typer.echo("\n".join(words.split("; ")))
    dry = request.get("dry_run") or request.get("push_only")
    partial = any(one["state"] == SyncState.PARTIAL.value for one in states.values()) and not dry
    raise typer.Exit(ExitCode.PARTIAL if partial and code == ExitCode.OK else code)


def _check_sources(ctx: typer.Context, sources: Sequence[str]) -> None:
    """Raise `SourceNotFound` before anything is started for a source that is none."""
    from vidra.engine.library.deploying import source_ids  # noqa: PLC0415 - reading must stay fast

    known = source_ids(Invocation.of(ctx).settings()) if sources else ()
    for source in sources:
        if source not in known:
            raise SourceNotFound(source, known)


def _states(ctx: typer.Context, sources: Sequence[str] | None) -> dict[str, Any]:
    with Library(Invocation.of(ctx).settings().storage) as library:
        found = {shelf.source: shelf.status for shelf in library.shelves()}
    return {
        source: status.model_dump(mode="json", exclude={"version", "key", "listed"})
        for source, status in found.items()
        if status is not None and (not sources or source in sources)
    }


def _milliseconds(text: str) -> int:
    parts = text.split(":")
    if len(parts) > 3 or not all(part.isdecimal() for part in parts) or any(int(p) > 59 for p in parts[1:]):
        raise UsageError(f"position {text!r}: expected `1:02:03`, `12:30` or seconds")
    seconds = 0
    for part in parts:
        seconds = seconds * 60 + int(part)
    return seconds * 1000
