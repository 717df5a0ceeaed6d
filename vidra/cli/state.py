"""`vidra state`: looks after the files in which Vidra remembers."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import orjson
import typer

from vidra.cli.exit_codes import ExitCode
from vidra.cli.invocation import Invocation
from vidra.state import atomic_write
from vidra.state.inspection import FileReport, inspect
from vidra.state.upkeep import compact_all
from vidra.state.upkeep import export as export_all

app = typer.Typer(help="Check, compact and export the state files.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


@app.command()
def check(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Read every state file and say what is in it; changes nothing. Exit code 1 if somebody should look."""
    folder = _data_dir(ctx)
    reports = inspect(folder)
    sound = all(report.sound for report in reports)
    if as_json:
        files = [asdict(report) | {"sound": report.sound} for report in reports]
        typer.echo(_json({"data_dir": str(folder), "sound": sound, "files": files}))
    else:
        typer.echo(f"{folder}: {len(reports)} state files, {'all sound' if sound else 'NOT all sound'}")
        for report in reports:
            for line in _lines(report):
                typer.echo(line)
    if not sound:
        raise typer.Exit(ExitCode.FAILED)


@app.command()
def compact(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Write all changes into the plain JSON files, which any TinyDB opens, and begin new journals."""
    results = list(compact_all(_data_dir(ctx)))
    if as_json:
        typer.echo(_json({"files": [asdict(result) for result in results]}))
    else:
        for result in results:
            outcome = result.error or f"{result.before} -> {result.after} bytes"
            typer.echo(f"{result.file}: {outcome}")
    if any(result.error for result in results):
        raise typer.Exit(ExitCode.FAILED)


@app.command()
def export(
    ctx: typer.Context,
    *,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="PATH", help="File to write (0600), instead of standard output."),
    ] = None,
) -> None:
    """Print everything that is remembered as one JSON object: file, table, document id."""
    text = _json(export_all(_data_dir(ctx)))
    if out is None:
        typer.echo(text)
        return
    atomic_write(out, text.encode() + b"\n")
    typer.echo(f"wrote {out}")


def _data_dir(ctx: typer.Context) -> Path:
    return Invocation.of(ctx).settings().storage.data_dir


def _json(content: object) -> str:
    return orjson.dumps(content, option=orjson.OPT_INDENT_2).decode()


def _lines(report: FileReport) -> list[str]:
    counts = ", ".join(f"{count} {table}" for table, count in report.documents.items()) or "empty"
    sizes = f"{report.snapshot_size} + {report.journal_size} bytes"
    lines = [f"  {report.file}: {counts}; transaction {report.seq}; {sizes}"]
    if report.damage:
        lines.append(f"    DAMAGED: {report.damage} (the next use keeps it aside and restores what is good)")
    if report.note:
        lines.append(f"    note: {report.note}")
    lines += [f"    kept aside: {name} (look at it, then delete it)" for name in report.kept_aside]
    lines += [f"    torn end kept: {name}" for name in report.torn]
    return lines
