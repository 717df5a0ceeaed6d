"""`vidra doctor`: tells whether machine, installation and configuration are fit to run."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from vidra.cli.checks import folders, machine, programs, versions
from vidra.cli.checks.configuration import check_configuration
from vidra.cli.checks.finding import Finding, Level
from vidra.cli.exit_codes import ExitCode
from vidra.cli.invocation import Invocation
from vidra.cli.progress.wording import count
from vidra.clock import SYSTEM_CLOCK, Clock
from vidra.settings import Settings

app = typer.Typer()

_NAME_CELLS: Final = 18


@app.command("doctor")
def doctor(
    ctx: typer.Context,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")] = False,
) -> None:
    """Check this machine and this installation.

    Exit code 1 when anything will not work; warnings alone end with 0.
    """
    findings = list(examine(Invocation.of(ctx)))
    failed = any(finding.level is Level.ERROR for finding in findings)
    if as_json:
        report = {"ok": not failed, "findings": [finding.as_json() for finding in findings]}
        typer.echo(json.dumps(report, indent=2))
    else:
        typer.echo("\n".join(report_lines(findings)))
    raise typer.Exit(ExitCode.FAILED if failed else ExitCode.OK)


def examine(invocation: Invocation, clock: Clock = SYSTEM_CLOCK) -> Iterator[Finding]:
    """Yield what every check finds, in the order it is worth reading."""
    settings, about_configuration = check_configuration(invocation)
    yield from about_configuration
    yield versions.check_python()
    yield versions.check_yt_dlp(clock.now().date())
    yield versions.check_prefect()
    yield from versions.check_pins(versions.own_requirements())
    yield programs.check_ffmpeg()
    yield programs.check_javascript()
    if settings is not None:
        yield from _examine_folders(settings)
    yield machine.check_clock(clock.now())
    yield machine.check_time_zone(machine.time_zone())
    yield machine.check_file_names()


def _examine_folders(settings: Settings) -> Iterator[Finding]:
    storage, downloads = settings.storage, settings.downloads
    floor = int(downloads.free_space_floor)
    yield folders.check_room("data folder", storage.data_dir, floor=floor)
    yield folders.check_room("library", downloads.library, floor=floor)
    yield folders.check_room("temporary", downloads.temp_dir or Path(tempfile.gettempdir()), floor=floor)
    yield folders.check_disk_kind(storage.data_dir)
    yield folders.check_privacy(storage.data_dir)
    yield folders.check_prefect_home(storage.prefect_home)


def report_lines(findings: Sequence[Finding]) -> Iterator[str]:
    """Yield the report for a person: a line per finding, its remedy below, and the sum."""
    for finding in findings:
        yield f"{finding.level:<5}  {finding.name:<{_NAME_CELLS}}  {finding.detail}"
        if finding.remedy:
            yield f"{'':<5}  {'':<{_NAME_CELLS}}  → {finding.remedy}"
    errors = sum(finding.level is Level.ERROR for finding in findings)
    warnings = sum(finding.level is Level.WARN for finding in findings)
    yield f"{count(errors, 'error')}, {count(warnings, 'warning')}"
