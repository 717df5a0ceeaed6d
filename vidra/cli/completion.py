"""Shell completion: the scripts, and what stands behind a Tab for ids and names of ours.

A completion never raises and never prints: a Tab that cannot be answered offers nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from enum import StrEnum, unique
from pathlib import Path
from typing import Final

import typer
from typer import completion

from vidra.cli.invocation import Invocation
from vidra.datafiles import shipped
from vidra.errors import VidraError


@unique
class Shell(StrEnum):
    """Shells that completion is written for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"
    POWERSHELL = "powershell"
    PWSH = "pwsh"


VARIABLE: Final = "_VIDRA_COMPLETE"
"""Set by the scripts when they ask what could come next."""


def register_shells() -> None:
    """Teach click Typer's shells; needed before a completion is answered.

    Typer does this only as a side effect of making its own completion options, which we replace.
    """
    completion.get_completion_inspect_parameters()


def show_completion(ctx: typer.Context, param: typer.CallbackParam, shell: Shell | None) -> None:
    """Print the script that makes the shell ask `vidra` on Tab, and leave."""
    completion.show_callback(ctx, param, shell)


def install_completion(ctx: typer.Context, param: typer.CallbackParam, shell: Shell | None) -> None:
    """Write the script where the shell looks for it, hook it into the start-up file, and leave."""
    completion.install_callback(ctx, param, shell)


def _invocation(ctx: typer.Context) -> Invocation:
    """Return the global options typed so far; callbacks do not run while completing."""
    given = ctx.find_root().params
    config = ctx.params.get("config") or given.get("config")
    data_dir = given.get("data_dir")
    return Invocation(config=Path(config) if config else None, data_dir=Path(data_dir) if data_dir else None)


def complete_preset(ctx: typer.Context, incomplete: str) -> Iterator[str]:
    """Offer the shipped presets and those of the configuration."""
    names = {path.stem for path in (shipped("config") / "presets").glob("*.yaml")}
    with suppress(VidraError, OSError):  # a broken configuration is told by commands, not by Tab
        names.update(_invocation(ctx).settings().presets)
    yield from sorted(name for name in names if name.startswith(incomplete))


def complete_job(ctx: typer.Context, incomplete: str) -> Iterator[tuple[str, str]]:
    """Offer the ids of the jobs, newest first, each with its title."""
    from vidra.cli.progress.sentences import job_name  # noqa: PLC0415 - `vidra --help` passes this module

    with suppress(VidraError, OSError):  # as above; and no data folder is made for a Tab
        invocation = _invocation(ctx)
        if not invocation.settings().storage.data_dir.is_dir():
            return
        with invocation.state() as state:
            jobs = list(state.jobs.list())
        yield from (
            (job.job_id, f"{job.status.value}, {job_name(job)}")
            for job in reversed(jobs)
            if job.job_id.startswith(incomplete)
        )


def complete_backend(ctx: typer.Context, incomplete: str) -> Iterator[str]:
    """Offer the declared back ends."""
    with suppress(VidraError, OSError):  # as above
        names = sorted(_invocation(ctx).settings().backends)
        yield from (name for name in names if name.startswith(incomplete))
