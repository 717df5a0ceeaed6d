"""`vidra backend`: the programs that Vidra starts and watches, and the services that it watches."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vidra.cli.backend_pages import HEADER, page, report, row
from vidra.cli.backend_secrets import store_secret
from vidra.cli.backend_waiting import PATIENCE, Waiting, ask_person, attended
from vidra.cli.columns import columns, output_width
from vidra.cli.completion import complete_backend
from vidra.cli.exit_codes import ExitCode
from vidra.cli.invocation import Invocation, Verbosity
from vidra.errors import BackendNotFound, EngineUnreachable

if TYPE_CHECKING:
    from vidra.engine.backends.view import BackendView
    from vidra.engine.lifecycle.control_client import Control
    from vidra.settings import Settings
    from vidra.supervisor.interface import BackendState

app = typer.Typer(
    name="backend",
    help="Start, stop and look at supervised programs and watched services.",
    no_args_is_help=True,
)

FOLLOW_POLL = 0.3
"""Seconds between two looks for new log lines."""
Name = Annotated[
    str, typer.Argument(metavar="NAME", autocompletion=complete_backend, help="Name of the back end.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead.")]
Limit = Annotated[
    float, typer.Option("--timeout", metavar="SECONDS", min=0, max=3600, help="How long to wait at most.")
]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Return once it has been asked for.")]


@app.command("ls")
def list_backends(
    ctx: typer.Context,
    *,
    every: Annotated[bool, typer.Option("--all", "-a", help="Vidra's own parts, too.")] = False,
    as_json: Json = False,
) -> None:
    """List the back ends and how they stand; without a running engine, how they stood last."""
    views, running = _views(Invocation.of(ctx).settings())
    shown = [view for view in views if every or not view.part]
    if as_json:
        _print_json({"running": running, "backends": [view.model_dump(mode="json") for view in shown]})
        return
    typer.echo("\n".join(columns(HEADER, [row(view) for view in shown], width=output_width())))
    if not running:
        typer.echo("Vidra is not running: this is how they stood last.", err=True)


@app.command("status")
def show_status(
    ctx: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", autocompletion=complete_backend, help="Only this back end."),
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Show how one or all back ends stand, and what is wrong.

    Exit codes: 0 all healthy, 1 none is or Vidra is not running, 3 some are.
    """
    invocation = Invocation.of(ctx)
    views, running = _views(invocation.settings())
    shown = [view for view in views if not view.part] if name is None else [_find(views, name)]
    if as_json:
        _print_json({"running": running, "backends": [view.model_dump(mode="json") for view in shown]})
    else:
        typer.echo("\n\n".join("\n".join(_lines(view, invocation)) for view in shown))
        if not running:
            typer.echo("Vidra is not running: this is how they stood last.", err=True)
    raise typer.Exit(_health_code(shown, running=running))


@app.command("start")
def start(
    ctx: typer.Context, name: Name, *, no_wait: NoWait = False, timeout: Limit = 120.0, as_json: Json = False
) -> None:
    """Start a back end, one that was given up too, and wait until it is healthy.

    At a terminal you are asked what to do when it does not come up. Exit codes: 0 healthy, 1 it is not.
    """
    control = _control(ctx)
    control.start(name, patience=PATIENCE if attended() and not as_json else 0.0)
    _finish(ctx, control, name, no_wait=no_wait, timeout=timeout, as_json=as_json)


@app.command("restart")
def restart(
    ctx: typer.Context, name: Name, *, no_wait: NoWait = False, timeout: Limit = 120.0, as_json: Json = False
) -> None:
    """Stop and start a back end, or run the restart command of a service, and wait until it is healthy.

    Exit codes: 0 healthy, 1 it is not.
    """
    control = _control(ctx)
    control.restart(name, patience=PATIENCE if attended() and not as_json else 0.0)
    _finish(ctx, control, name, no_wait=no_wait, timeout=timeout, as_json=as_json)


@app.command("stop")
def stop(
    ctx: typer.Context, name: Name, *, no_wait: NoWait = False, timeout: Limit = 60.0, as_json: Json = False
) -> None:
    """Stop a back end and wait until it is gone; it stays stopped until you start it.

    Exit codes: 0 stopped, 1 still there after the time allowed.
    """
    from vidra.supervisor.interface import BackendState  # noqa: PLC0415 - `vidra --help` must stay fast

    control = _control(ctx)
    view = control.stop(name)
    if not no_wait:
        view = _wait(control, name, [BackendState.STOPPED], timeout)
    _show_result(view, as_json=as_json)


@app.command("reset")
def reset(ctx: typer.Context, name: Name, *, as_json: Json = False) -> None:
    """Forget the crashes of a back end; one that was given up counts as stopped then."""
    _show_result(_control(ctx).reset(name), as_json=as_json)


@app.command("wait")
def wait(
    ctx: typer.Context,
    name: Name,
    *,
    state: Annotated[str, typer.Option("--state", metavar="STATE", help="Wait for this state.")] = "healthy",
    timeout: Limit = 60.0,
    as_json: Json = False,
) -> None:
    """Wait until a back end is in a state, by default healthy.

    Exit codes: 0 it is, 1 it has failed or time is up.
    """
    from vidra.supervisor.interface import BackendState  # noqa: PLC0415 - `vidra --help` must stay fast

    if state not in set(BackendState):
        raise typer.BadParameter(f"no state `{state}`; there are {', '.join(BackendState)}")
    wanted = BackendState(state)
    control = _control(ctx)
    view = _wait(control, name, [wanted, BackendState.FAILED], timeout)
    _show_result(view, as_json=as_json)
    raise typer.Exit(ExitCode.OK if view.state is wanted else ExitCode.FAILED)


@app.command("url")
def url(
    ctx: typer.Context,
    name: Name,
    *,
    websocket: Annotated[bool, typer.Option("--websocket", help="The same with ws:// in front.")] = False,
) -> None:
    """Print where a back end answers; it may change with a restart.

    Exit codes: 0 printed, 1 it has no address now.
    """
    view = _control(ctx).show(name)
    if view.url is None:
        typer.echo(f"{name} has no address: it is {view.state.value} ({view.reason})", err=True)
        raise typer.Exit(ExitCode.FAILED)
    typer.echo(view.url.replace("http", "ws", 1) if websocket else view.url)


app.command("secret")(store_secret)


@app.command("logs")
def logs(
    ctx: typer.Context,
    name: Name,
    *,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many of the latest lines.")] = 50,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    errors: Annotated[bool, typer.Option("--errors", help="The errors of all back ends instead.")] = False,
    piece: Annotated[
        str | None, typer.Option("--piece", metavar="FILE", help="An older piece of the log, by file name.")
    ] = None,
) -> None:
    """Show what a back end wrote, whether Vidra runs or not."""
    from vidra.supervisor.log_reading import last_lines, log_file  # noqa: PLC0415 - as above

    path = log_file(_log_path(Invocation.of(ctx).settings(), name, errors=errors), piece)
    for line in last_lines(path, lines):
        typer.echo(line)
    size = path.stat().st_size if path.exists() else 0
    while follow:
        time.sleep(FOLLOW_POLL)
        size = _print_from(path, size)


def _print_from(path: Path, offset: int) -> int:
    """Print the whole lines behind the offset; return the new one. A rotated file begins anew."""
    if not path.exists():
        return 0
    with path.open("rb") as file:
        file.seek(offset if path.stat().st_size >= offset else 0)
        begun = file.tell()
        data = file.read()
    whole = data[: data.rfind(b"\n") + 1]
    if whole:
        typer.echo(whole.decode("utf-8", "replace"), nl=False)
    return begun + len(whole)


def _control(ctx: typer.Context) -> Control:
    from vidra.engine.lifecycle.control_client import Control  # noqa: PLC0415 - `vidra --help` must stay fast

    return Control(Invocation.of(ctx).settings())


def _views(settings: Settings) -> tuple[Sequence[BackendView], bool]:
    """Return how all stand and True; without a running engine how they stood last, and False."""
    from vidra.engine.backends.standings import standings_now  # noqa: PLC0415 - as above
    from vidra.engine.lifecycle.control_client import Control  # noqa: PLC0415 - the same

    try:
        return Control(settings).list(), True
    except EngineUnreachable:
        return standings_now(settings), False


def _find(views: Sequence[BackendView], name: str) -> BackendView:
    for view in views:
        if view.name == name:
            return view
    raise BackendNotFound(name, [view.name for view in views])


def _health_code(views: Sequence[BackendView], *, running: bool) -> int:
    healthy = sum(view.state.value == "healthy" for view in views)
    if not running or (views and not healthy):
        return ExitCode.FAILED
    return ExitCode.OK if healthy == len(views) else ExitCode.PARTIAL


def _lines(view: BackendView, invocation: Invocation) -> Sequence[str]:
    lines = list(page(view))
    if view.notice is not None:
        everything = invocation.verbosity >= Verbosity.VERBOSE
        lines += ["", *report(view.notice, every_line=everything, debug=invocation.debug)]
    return lines


def _finish(
    ctx: typer.Context, control: Control, name: str, *, no_wait: bool, timeout: float, as_json: bool
) -> None:
    if no_wait:
        _show_result(control.show(name), as_json=as_json)
        return
    ask = ask_person if attended() and not as_json else None
    view, code = Waiting(control, Invocation.of(ctx), ask).until_up(name, limit=timeout)
    _show_result(view, as_json=as_json)
    raise typer.Exit(code)


def _wait(control: Control, name: str, states: Sequence[BackendState], limit: float) -> BackendView:
    try:
        return control.wait(name, states, limit=limit)
    except TimeoutError:
        view = control.show(name)
        typer.echo(f"{name} is {view.state.value} after {limit:g} s: {view.reason}", err=True)
        raise typer.Exit(ExitCode.FAILED) from None


def _show_result(view: BackendView, *, as_json: bool) -> None:
    if as_json:
        _print_json(view.model_dump(mode="json"))
    else:
        well = view.state.value in {"healthy", "stopped"}
        more = (f" at {view.url}" if view.url else "") if well else f": {view.reason}"
        typer.echo(f"{view.name} is {view.state.value}{more}")


def _log_path(settings: Settings, name: str, *, errors: bool) -> Path:
    from vidra.engine.backends.standings import log_of  # noqa: PLC0415 - `vidra --help` must stay fast
    from vidra.engine.lifecycle.running import logs_folder  # noqa: PLC0415 - the same

    path = log_of(settings, name)
    return logs_folder(settings) / "backend_errors.log" if errors else path


def _print_json(value: Any) -> None:  # noqa: ANN401 - JSON
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
