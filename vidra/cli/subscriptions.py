"""`vidra subscription`: look at subscriptions, check them, run them, and pause them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vidra.cli import failures
from vidra.cli.columns import columns, output_width
from vidra.cli.exit_codes import ExitCode
from vidra.cli.invocation import Invocation, Verbosity
from vidra.cli.stopping import stopped_by_signals

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vidra.engine.interface import EngineStatus
    from vidra.engine.subscriptions.expansions import Expanded
    from vidra.engine.subscriptions.view import SubscriptionCard
    from vidra.settings import Settings
    from vidra.state.subscriptions import RunNote

app = typer.Typer(
    name="subscription", help="Look at subscriptions, check, run and pause them.", no_args_is_help=True
)

Names = Annotated[list[str] | None, typer.Argument(metavar="NAME", help="Subscriptions; none: all of them.")]
SomeNames = Annotated[list[str], typer.Argument(metavar="NAME", help="Subscriptions.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead.")]

_GOOD = frozenset({"ok", "put_off", "skipped"})
_LISTED = ("download", "later", "unreadable")


@app.command("ls")
def list_subscriptions(ctx: typer.Context, *, as_json: Json = False) -> None:
    """List the subscriptions: when they run, what they hold, how the last run went."""
    from vidra.engine.subscriptions.view import cards  # noqa: PLC0415 - `vidra --help` must stay fast

    found = cards(Invocation.of(ctx).settings())
    if as_json:
        _print_json([card.to_json() for card in found])
        return
    rows = [_row(card) for card in found]
    header = ("NAME", "SCHEDULE", "NEXT", "HELD", "LAST RUN", "RESULT")
    typer.echo("\n".join(columns(header, rows, width=output_width())))


@app.command("show")
def show_subscription(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="The subscription.")],
    *,
    as_json: Json = False,
) -> None:
    """Show one subscription with all it inherits, and its latest runs."""
    from vidra.engine.subscriptions.view import cards  # noqa: PLC0415 - as above

    (card,) = cards(Invocation.of(ctx).settings(), [name])
    page = card.to_json()
    page["settings"] = card.settings.model_dump(mode="json", exclude_defaults=True)
    page["runs"] = [note.model_dump(mode="json", exclude={"version"}) for note in card.standing.runs]
    if as_json:
        _print_json(page)
        return
    for key in ("name", "schedule", "next_run", "paused", "held"):
        typer.echo(f"{key:<10}{page[key]}")
    typer.echo(f"settings  {json.dumps(page['settings'], ensure_ascii=False)}")
    for note in reversed(card.standing.runs[-10:]):
        typer.echo(f"{note.started_at[:16]}Z  {_told(note)}")


@app.command("check")
def check_subscriptions(ctx: typer.Context, names: Names = None, *, as_json: Json = False) -> None:
    """Say what is amiss with subscriptions or soon will be: settings, addresses, cookies, last runs.

    Asks no site. Exit codes: 0 all is well, 1 something is not.
    """
    from vidra.engine.jobs.vetting import vet  # noqa: PLC0415 - as above
    from vidra.engine.subscriptions.view import cards, troubles  # noqa: PLC0415 - as above
    from vidra.settings.loading import resolve_settings  # noqa: PLC0415 - as above

    invocation = Invocation.of(ctx)
    resolution = resolve_settings(config=invocation.config, overrides=invocation.overrides)
    declared = [problem for problem in vet(resolution) if problem.key_path.startswith("subscriptions.")]
    broken = {problem.key_path.split(".")[1] for problem in declared}
    wanted = names or list(resolution.settings.subscriptions)
    sound = [name for name in wanted if name not in broken]
    found = {name: [str(p) for p in declared if p.key_path.split(".")[1] == name] for name in wanted}
    for card in cards(resolution.settings, sound) if sound else ():
        if card.settings.urls or names:
            found[card.name] += troubles(card, resolution.settings)
    if as_json:
        _print_json([{"name": name, "problems": problems} for name, problems in found.items()])
    else:
        for name, problems in found.items():
            for problem in problems or ["all is well"]:
                typer.echo(f"{name}: {problem}")
    raise typer.Exit(ExitCode.FAILED if any(found.values()) else ExitCode.OK)


@app.command("run")
def run_subscriptions(
    ctx: typer.Context,
    names: Names = None,
    *,
    yes: Annotated[
        bool,
        typer.Option("--yes", "-y", help="Go on although it looks as if everything were fetched again."),
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Also what failed a short while ago.")
    ] = False,
    max_items: Annotated[
        int | None, typer.Option("--max-items", min=1, metavar="N", help="At most so many downloads of each.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Look what is new and download it now; paused ones too. Works without a running engine.

    Ctrl-C stops cleanly; the next run goes on.
    Exit codes: 0 all went well, 1 all failed, 3 some failed, 130 interrupted.
    """
    fields = {"yes": yes, "retry_failed": retry_failed, "max_items": max_items}
    done, _ = _expand(ctx, names, fields, shown=not as_json)
    if as_json:
        shown = [{"name": name, **_note_json(note)} for name, note in done.notes.items()]
        _print_json({"flow_run_id": done.flow_run_id, "subscriptions": shown})
    else:
        for name, note in done.notes.items():
            typer.echo(f"{name}: {_told(note)}" if note else f"{name}: somebody is working on it; left alone")
    raise typer.Exit(_exit_code(done))


@app.command("plan")
def plan_subscriptions(
    ctx: typer.Context,
    names: Names = None,
    *,
    every: Annotated[
        bool, typer.Option("--all", "-a", help="Also items that are archived, deleted or unwanted.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show what a run would download, oldest first, and why not the rest. Downloads nothing.

    Exit codes: 0 all were planned, 1 none, 3 some could not be, 130 interrupted.
    """
    done, _ = _expand(ctx, names, {"dry_run": True})
    if as_json:
        _print_json(list(done.plans.values()))
    else:
        for name, plan in done.plans.items():
            _show_plan(name, plan, every=every)
    if done.cancelled:
        raise typer.Exit(ExitCode.INTERRUPTED)
    if not done.plans:
        failures.say(done.message)
    wrong = [plan for plan in done.plans.values() if plan.get("error")]
    if wrong or not done.plans:
        raise typer.Exit(ExitCode.FAILED if len(wrong) == len(done.plans) else ExitCode.PARTIAL)


@app.command("pause")
def pause(ctx: typer.Context, names: SomeNames) -> None:
    """Have subscriptions not run by themselves until they are resumed. What is under way goes on."""
    _set_paused(ctx, names, paused=True)


@app.command("resume")
def resume(ctx: typer.Context, names: SomeNames) -> None:
    """Have paused subscriptions run by themselves again."""
    _set_paused(ctx, names, paused=False)


def _set_paused(ctx: typer.Context, names: Sequence[str], *, paused: bool) -> None:
    from vidra.engine.subscriptions.view import book_of  # noqa: PLC0415 - as above
    from vidra.settings.inheritance import subscription  # noqa: PLC0415 - as above

    settings = Invocation.of(ctx).settings()
    for name in names:
        subscription(name, settings.subscriptions)
    with book_of(settings) as book:
        for name in names:
            changed = book.pause(name, paused=paused)
            word = "paused" if paused else "resumed"
            typer.echo(
                f"{word} {name}" if changed else f"{name} was {'' if paused else 'not '}paused already"
            )


def _expand(
    ctx: typer.Context,
    names: Sequence[str] | None,
    fields: Mapping[str, object],
    *,
    shown: bool = False,
) -> tuple[Expanded, Settings]:
    import os  # noqa: PLC0415 - as below

    from vidra.engine.subscriptions.expansions import expand  # noqa: PLC0415 - `vidra --help` must stay fast
    from vidra.engine.subscriptions.view import cards  # noqa: PLC0415 - as above
    from vidra.errors import UsageError  # noqa: PLC0415 - as above
    from vidra.media.lists.request import ExpansionRequest  # noqa: PLC0415 - as above

    invocation = Invocation.of(ctx)
    settings = invocation.settings()
    known = cards(settings, names or ())
    if bare := [card.name for card in known if not card.settings.urls]:
        raise UsageError(f"subscription `{bare[0]}` has no `urls`: it is only there to be extended")
    found = [card.name for card in known if names or card.settings.active]
    if not found:
        raise UsageError("there are no subscriptions; docs/subscriptions.md says how to declare one")
    os.environ.update(invocation.environment())  # the flow loads its settings by itself, wherever it runs
    request = ExpansionRequest.model_validate({"subscriptions": found, **fields})

    with _progress(invocation, settings, found, shown=shown) as say, stopped_by_signals() as stop:

        def on_status(status: EngineStatus) -> None:
            from vidra.cli.execution import NOTICES  # noqa: PLC0415 - as above

            if status.stage in NOTICES and invocation.verbosity > Verbosity.QUIET:
                say(NOTICES[status.stage])

        done = expand(request, found, settings=settings, stop=stop, on_status=on_status)
    return done, settings


@contextmanager
def _progress(
    invocation: Invocation, settings: Settings, names: Sequence[str], *, shown: bool
) -> Iterator[Callable[[str], None]]:
    """Show what is downloaded meanwhile, if it is to be shown; yield what says something besides."""
    from vidra.cli.displays import open_display_for  # noqa: PLC0415 - `vidra --help` must stay fast
    from vidra.cli.progress import Notice  # noqa: PLC0415 - as above
    from vidra.cli.subscription_progress import SubscriptionFollower  # noqa: PLC0415 - as above
    from vidra.state import open_configured_state  # noqa: PLC0415 - as above

    if not shown:
        yield partial(typer.echo, err=True)
        return
    renderer = open_display_for(invocation, as_json=False)
    with open_configured_state(settings.storage) as state, SubscriptionFollower(state, names, renderer):
        yield lambda text: renderer.show(Notice(text=text))


def _show_plan(name: str, plan: Mapping[str, Any], *, every: bool) -> None:
    if error := plan.get("error"):
        failures.say(f"{name}: {error}")
        return
    counts = ", ".join(f"{count} {decision}" for decision, count in plan["counts"].items() if count)
    typer.echo(f"{name}: {counts or 'the lists are empty'}")
    shown = [item for item in plan["items"] if every or item["decision"] in _LISTED]
    rows = [
        (item["decision"], item["upload_date"] or "", item["title"] or item["url"], item["reason"] or "")
        for item in shown
    ]
    if rows:
        typer.echo("\n".join(columns(("", "PUBLISHED", "TITLE", "WHY"), rows, width=output_width())))
    for removal in plan.get("removals", ()):
        typer.echo(f"retention would remove {removal['path']}: {removal['reason']}")


def _row(card: SubscriptionCard) -> tuple[str, ...]:
    last = card.standing.last_run
    due = (
        "paused"
        if card.standing.paused
        else ""
        if card.next_run is None
        else f"{card.next_run:%m-%d %H:%M %Z}"
    )
    return (
        card.name,
        card.rhythm,
        due,
        str(card.standing.held),
        "" if last is None else f"{last.started_at[:16]}Z",
        "" if last is None else _told(last),
    )


def _told(note: RunNote) -> str:
    counts = f"{note.listed} listed, {note.planned} new, {note.downloaded} downloaded"
    failed = f", {note.failed} failed" if note.failed else ""
    return f"{note.result}: {counts}{failed}" + (f"; {note.message}" if note.message else "")


def _note_json(note: RunNote | None) -> dict[str, Any]:
    return {"result": "skipped"} if note is None else note.model_dump(mode="json", exclude={"version"})


def _exit_code(done: Expanded) -> int:
    if done.cancelled:
        return ExitCode.INTERRUPTED
    results = ["skipped" if note is None else note.result for note in done.notes.values()]
    if all(result in _GOOD for result in results):
        return ExitCode.OK
    return ExitCode.FAILED if all(result in {"failed", "refused"} for result in results) else ExitCode.PARTIAL


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
