"""What the command line costs before any work is done, beside the programs it stands on."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.figures import Figure, median_seconds
from vidra.cli.progress import Display, EntryChanged, open_renderer
from vidra.clock import SYSTEM_CLOCK, iso
from vidra.state import open_state
from vidra.state.interface import Entry, EntryStatus, Job, JobProgress

TICKS = 1000
LIST = 1000
JOBS = 500


def run() -> list[Figure]:
    """Measure start-up, a list of jobs, and a progress tick on each display."""
    return [
        _help(),
        _job_list(),
        *(_tick(display) for display in (Display.LIVE, Display.PLAIN, Display.JSON)),
    ]


def _starting(*command: str, **variables: str) -> Callable[[], object]:
    environ = {**os.environ, **variables}
    return lambda: subprocess.run(command, env=environ, stdout=subprocess.DEVNULL, check=True)


def _program(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def _help() -> Figure:
    return Figure(
        name="vidra --help",
        ours=median_seconds(_starting(_program("vidra"), "--help")),
        unit="s",
        peer=median_seconds(_starting(_program("yt-dlp"), "--ignore-config", "--help")),
        peer_name="yt-dlp --help",
        target=0.35,
    )


def _job_list() -> Figure:
    with tempfile.TemporaryDirectory() as folder:
        with open_state(Path(folder) / "data") as state:
            for number in range(JOBS):
                job = Job(
                    job_id=f"job-{number}", urls=("http://site.test/",), created_at=iso(SYSTEM_CLOCK.now())
                )
                state.jobs.add(job)
        listing = _starting(_program("vidra"), "job", "ls", VIDRA_SERVER_DATA=f"{folder}/data")
        return Figure(
            name=f"vidra job ls, {JOBS} jobs",
            ours=median_seconds(listing),
            unit="s",
        )


def _tick(display: Display) -> Figure:
    """Time one tick of one entry beside a list of others, without the drawing thread."""
    out = io.StringIO()
    renderer = open_renderer(display, out=out, err=out)
    for index in range(LIST):
        renderer.show(_entry(index + 1, EntryStatus.PENDING, 0.0))
    ticks = [_entry(1, EntryStatus.ACTIVE, 100.0 * tick / TICKS) for tick in range(TICKS)]

    def show_all() -> None:
        for tick in ticks:
            renderer.show(tick)

    seconds = median_seconds(show_all) / TICKS
    return Figure(
        name=f"{display} display, tick in a {LIST}-entry list", ours=seconds * 1000, unit="ms", target=5
    )


def _entry(index: int, status: EntryStatus, percent: float) -> EntryChanged:
    progress = JobProgress(
        stage="downloading", percent=percent, speed=1e6, downloaded_bytes=int(percent * 1e6)
    )
    entry = Entry(
        index=index, url="http://site.test/", title=f"Title {index}", status=status, progress=progress
    )
    return EntryChanged(job_id="job-1", entry=entry)
