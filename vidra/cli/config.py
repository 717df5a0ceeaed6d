"""`vidra config`: writes, shows and checks the configuration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from vidra.cli.exit_codes import ExitCode
from vidra.cli.invocation import Invocation
from vidra.errors import ConfigError, ConfigProblem
from vidra.settings.explanation import Explained, explain
from vidra.settings.layers import Origin, json_text
from vidra.settings.loading import resolve_settings
from vidra.settings.location import find_config, user_config_file
from vidra.settings.samples import write_default
from vidra.settings.schema import json_schema_text

app = typer.Typer(help="Write, show and check the configuration.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


@app.command()
def init(
    *,
    path: Annotated[
        Path | None,
        typer.Option("--path", metavar="PATH", help="File to write, instead of your configuration folder's."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there already.")] = False,
) -> None:
    """Write a commented configuration with every key at its default, and its schema beside it."""
    for written in write_default(path or user_config_file(), force=force):
        typer.echo(f"wrote {written}")


@app.command()
def show(
    ctx: typer.Context,
    *,
    as_json: AsJson = False,
    defaults: Annotated[
        bool, typer.Option("--defaults/--no-defaults", help="List keys that stand at their default, too.")
    ] = True,
) -> None:
    """Show every key, its value, and where the value comes from; secrets are masked."""
    invocation = Invocation.of(ctx)
    resolution = resolve_settings(config=invocation.config, overrides=invocation.overrides)
    rows = [row for row in explain(resolution) if defaults or row.place.origin is not Origin.DEFAULT]
    if as_json:
        keys = {row.key.dotted: row.to_json() for row in rows}
        typer.echo(json_text({"file": _text(resolution.file), "keys": keys}))
        return
    typer.echo(f"# file: {resolution.file or 'none, the defaults apply'}")
    for line in _lines(rows):
        typer.echo(line)


@app.command()
def validate(
    ctx: typer.Context,
    path: Annotated[
        Path | None, typer.Argument(help="File to check, instead of the one that would be used.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Check the configuration, environment included; print one line a problem and exit with 2."""
    invocation = Invocation.of(ctx).overriding(config=path)
    file, problems = _check(invocation)
    if as_json:
        found = [_problem_json(problem) for problem in problems]
        typer.echo(json_text({"valid": not problems, "file": _text(file), "problems": found}))
    else:
        for problem in problems:
            typer.echo(str(problem))
        if not problems:
            typer.echo(f"{file or 'no file, the defaults apply'}: valid")
    if problems:
        raise typer.Exit(ExitCode.USAGE)


@app.command()
def schema() -> None:
    """Print the JSON Schema of the configuration file, for editors."""
    typer.echo(json_schema_text(), nl=False)


def _check(invocation: Invocation) -> tuple[Path | None, Sequence[ConfigProblem]]:
    """Check as every command would, then the file by itself: a variable may hide a mistake in it."""
    from vidra.engine.jobs.vetting import vet  # noqa: PLC0415 - the option tables are 0.1 s to import

    file = invocation.config
    try:
        file = find_config(file)
        resolution = resolve_settings(config=file, overrides=invocation.overrides)
        if file is not None:
            resolve_settings(config=file, environ={})
    except ConfigError as error:
        return file, error.problems
    return file, vet(resolution)


def _lines(rows: Sequence[Explained]) -> Iterator[str]:
    width = max((len(row.key.dotted) for row in rows), default=0)
    for row in rows:
        place = row.place
        where = place.origin if place.origin is Origin.DEFAULT else f"{place.origin} {place.source}"
        line = "" if place.line is None else f":{place.line}"
        yield f"{row.key.dotted:{width}} = {json_text(row.value)}  # {where}{line}"


def _problem_json(problem: ConfigProblem) -> dict[str, object]:
    return {
        "source": problem.source,
        "line": problem.line,
        "key": problem.key_path,
        "value": problem.value,
        "expected": problem.expected,
        "suggestion": problem.suggestion,
    }


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
