"""Writes the reference of all commands, `docs/cli.md`, from the commands themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer
from typer.core import TyperGroup
from typer.main import get_command

from vidra.cli.exit_codes import MEANINGS
from vidra.cli.failures import PROGRAM
from vidra.cli.groups import LazyCommand
from vidra.cli.progress.json_lines import EVENTS
from vidra.cli.root import app

if TYPE_CHECKING:
    from typer._click import Command  # typer ships its own click and exports this class nowhere else

_WIDE = 10_000  # columns: the page wraps by itself

_HEAD = f"""\
<!-- Written by `python -m vidra.cli.reference`; a test fails when it is stale. -->
# Commands

`{PROGRAM} COMMAND --help` prints the same for one command. Options before the command count for all
commands. Results go to standard output, errors to standard error. `NO_COLOR` switches colours off.

## Exit codes

| Code | Meaning |
|---|---|
"""

_EVENTS_HEAD = """
## JSON lines of `vidra flow run … --json`

One object a line. Every event has `event` and `time` (ISO-8601, UTC), and always all of its own keys;
what is not known is `null`. Sizes are bytes, `speed` bytes a second, `eta`, `elapsed` and `duration`
seconds, `percent` 0 to 100. Later versions may add keys and events, and never take one away.

| `event` | Keys |
|---|---|
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """A command with the words one types to reach it."""

    path: str
    command: Command
    context: typer.Context


def pages() -> Iterator[Page]:
    """Yield every command, groups before their commands, in the order `--help` lists them."""
    yield from _pages_below(get_command(app), PROGRAM, None)


def _pages_below(command: Command, name: str, parent: typer.Context | None) -> Iterator[Page]:
    real = command.load() if isinstance(command, LazyCommand) else command
    context = typer.Context(
        real, parent=parent, info_name=name, terminal_width=_WIDE, max_content_width=_WIDE
    )
    yield Page(path=context.command_path, command=real, context=context)
    if isinstance(real, TyperGroup):
        for child_name, child in real.commands.items():
            yield from _pages_below(child, child_name, context)


def cli_reference() -> str:
    """Return the text of `docs/cli.md`."""
    codes = "".join(f"| {code.value} | {meaning} |\n" for code, meaning in MEANINGS.items())
    events = "".join(
        f"| `{name}` | {', '.join(f'`{key}`' for key in keys)} |\n" for name, keys in EVENTS.items()
    )
    return _HEAD + codes + "".join(_section(page) for page in pages()) + _EVENTS_HEAD + events


def _section(page: Page) -> str:
    usage = page.command.get_usage(page.context).removeprefix("Usage: ")
    rows = [record for param in page.command.get_params(page.context) if (record := _row(page, param))]
    table = ("\n| Argument or option | What it does |\n|---|---|\n" + "".join(rows)) if rows else ""
    return f"\n## `{page.path}`\n\n    {usage}\n\n{page.command.help or ''}\n{table}"


def _row(page: Page, param: object) -> str:
    """Return the parameter as `--help` describes it; the help option itself is the same everywhere."""
    if getattr(param, "name", "") == "help" or getattr(param, "hidden", False):
        return ""
    record: tuple[str, str] | None = param.get_help_record(page.context)  # type: ignore[attr-defined] # click's parameter class is not exported
    if record is None:
        return ""
    syntax, text = (" ".join(part.split()).replace("|", "\\|") for part in record)
    return f"| `{syntax}` | {text} |\n"


if __name__ == "__main__":
    typer.echo(cli_reference(), nl=False)
