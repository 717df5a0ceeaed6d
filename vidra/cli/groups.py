"""Command groups that are imported when they are used, so that `vidra --help` stays fast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from typer import Typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

if TYPE_CHECKING:
    from typer._click import Command  # typer ships its own click and exports this class nowhere else


@dataclass(frozen=True, kw_only=True, slots=True)
class LazyApp:
    """Where a command group lives: a module with a Typer object named `app`."""

    name: str
    module: str
    help: str
    """The line `vidra --help` shows; a test compares it with the group's own."""


APPS: Final[Sequence[LazyApp]] = (
    LazyApp(name="flow", module="vidra.cli.flows", help="Run flows, list them, and look after their runs."),
    LazyApp(name="job", module="vidra.cli.jobs", help="Look at jobs, steer them, and forget finished ones."),
    LazyApp(
        name="library",
        module="vidra.cli.library",
        help="Browse and search libraries, and say what was watched.",
    ),
    LazyApp(
        name="source",
        module="vidra.cli.sources",
        help="Add media servers and folders, sign in, and see how they are reached.",
    ),
    LazyApp(
        name="subscription",
        module="vidra.cli.subscriptions",
        help="Look at subscriptions, check, run and pause them.",
    ),
    LazyApp(
        name="backend",
        module="vidra.cli.backends",
        help="Start, stop and look at supervised programs and watched services.",
    ),
    LazyApp(
        name="archive",
        module="vidra.cli.archive",
        help="See what was downloaded or deleted, and take over libraries.",
    ),
    LazyApp(
        name="retention",
        module="vidra.cli.retention",
        help="See which downloads retention lets go, and let them go.",
    ),
    LazyApp(
        name="up",
        module="vidra.cli.up",
        help="Run server, schedules, worker and API until Ctrl-C, SIGTERM or `vidra down`.",
    ),
    LazyApp(
        name="down",
        module="vidra.cli.down",
        help="Stop the engine and wait until it is gone; jobs under way go on at the next start.",
    ),
    LazyApp(
        name="status",
        module="vidra.cli.status",
        help="Say whether the engine runs, where its parts are, and whether they answer.",
    ),
    LazyApp(
        name="logs",
        module="vidra.cli.logs",
        help="Show the latest lines of the engine's log and of its parts' logs, the name of the part first.",
    ),
    LazyApp(
        name="worker",
        module="vidra.cli.worker",
        help="Take runs from the work pool until Ctrl-C or SIGTERM; runs under way may finish then.",
    ),
    LazyApp(
        name="deploy",
        module="vidra.cli.deploy",
        help="Create what is missing and update what differs; what a person paused in the UI stays paused.",
    ),
    LazyApp(
        name="site",
        module="vidra.cli.site",
        help="See which sites are left alone after refusals, and have one asked again.",
    ),
    LazyApp(
        name="notify",
        module="vidra.cli.notify",
        help="See who is told what, try it, and store the secrets that takes.",
    ),
    LazyApp(name="token", module="vidra.cli.token", help="Show or replace the server's token."),
    LazyApp(name="config", module="vidra.cli.config", help="Write, show and check the configuration."),
    LazyApp(name="state", module="vidra.cli.state", help="Check, compact and export the state files."),
    LazyApp(name="doctor", module="vidra.cli.doctor", help="Check this machine and this installation."),
)


class LazyCommand(TyperCommand):
    """Stands in for a group until it is used, then hands over to the real command."""

    def __init__(self, app: LazyApp) -> None:
        super().__init__(name=app.name, help=app.help, rich_markup_mode=None)
        self._app = app

    def load(self) -> Command:
        """Import the module and return the real command: a group, or the one command of that name.

        The app is hung below an empty one, because an app of its own would get Typer's completion
        options; and help is plain everywhere: it loads faster and survives narrow terminals.
        """
        host = Typer(add_completion=False, rich_markup_mode=None)
        app: Typer = import_module(self._app.module).app
        is_group = app.info.name or [info.name for info in app.registered_commands] != [self._app.name]
        host.add_typer(app, name=self._app.name if is_group else None)
        return get_group(host).commands[self._app.name]

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:  # noqa: ANN401 - click's signature; its Context class is not exported
        """Let the real command parse the arguments; its context names it as the command to run."""
        return self.load().make_context(info_name, args, parent=parent, **extra)


class RootGroup(TyperGroup):
    """The `vidra` command: knows its groups by name without importing them."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands.update({app.name: LazyCommand(app) for app in APPS})
