"""What a whole engine costs: its start, a download through it, and its idling."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

import httpx

from benchmarks.figures import Figure, median_seconds
from benchmarks.processes import (
    SHORT,
    cpu_seconds,
    ended,
    family_of,
    free_port,
    shared_size,
    until,
    vidra_command,
    vidra_download,
    write_config,
    yt_dlp_download,
)
from tests.site.media import media_folder
from tests.site.server import MediaSite, serve

IDLE: Final = 15.0 if SHORT else 60.0
"""Seconds of idling that are measured."""
STARTS: Final = 3 if SHORT else 5
"""Pairs of starts that count; odd, so that one is in the middle."""
DOWNLOADS: Final = 3 if SHORT else 5


def run() -> list[Figure]:
    """Measure; takes about four minutes, one with BENCH_SHORT=1."""
    with serve(media_folder()) as site, tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        config = write_config(root, site)
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
        return [*_starts(config, root), *_engine(config, root, site)]


def _starts(config: Path, root: Path) -> list[Figure]:
    """Start both in turns, so that a machine that slows down slows both; the pair in the middle is told."""
    pairs = []
    for number in range(STARTS + 1):
        pairs.append((_seconds(_up(config)), _seconds(_bare_server(root / "bare"))))
        print(f"  start {number}: {pairs[-1][0]:.2f} s, {pairs[-1][1]:.2f} s", flush=True)
    began, peer = sorted(pairs[1:], key=lambda pair: pair[0] / pair[1])[STARTS // 2]
    return [
        Figure(name=f"`vidra up` to ready, median of {STARTS} pairs", ours=began, unit="s", peer=peer,
               peer_name="prefect server start", target=1.3, target_is_ratio=True),
    ]  # fmt: skip


def _seconds(starting: AbstractContextManager[float]) -> float:
    """Return the seconds until ready; then end it. The very first start prepares a database."""
    with starting as needed:
        return needed


@contextmanager
def _up(config: Path) -> Iterator[float]:
    """Run `vidra up`; yield the seconds it took to be ready."""
    with engine_up(config) as (_, seconds):
        yield seconds


@contextmanager
def engine_up(config: Path) -> Iterator[tuple[int, float]]:
    """Run `vidra up`; yield its pid and the seconds it took to be ready."""
    began = time.perf_counter()
    process = subprocess.Popen(
        vidra_command(config, "up"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    with ended(process):
        _await_ready(process)
        yield process.pid, time.perf_counter() - began


def _await_ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("Ready"):
            return
    raise RuntimeError("".join(lines))


@contextmanager
def _bare_server(home: Path) -> Iterator[float]:
    """Run `prefect server start`; yield the seconds until it answered."""
    port = free_port()
    environment = os.environ | {"PREFECT_HOME": str(home), "DO_NOT_TRACK": "1"}
    command = [sys.executable, "-m", "prefect", "server", "start", "--port", str(port)]
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with ended(process):
        until(lambda: _answers(f"http://127.0.0.1:{port}/api/health"))
        yield time.perf_counter() - began


def _engine(config: Path, root: Path, site: MediaSite) -> list[Figure]:
    big = site.url("/m/big.mp4")
    with engine_up(config) as (pid, _):
        ours = median_seconds(lambda: vidra_download(config, root, big), times=DOWNLOADS)
        plain = median_seconds(lambda: yt_dlp_download(root, big), times=DOWNLOADS)
        time.sleep(5)  # what a run leaves to do is not idling
        family = family_of(pid)
        before = {member.pid: cpu_seconds([member]) for member in family}
        time.sleep(IDLE)
        parts = [
            (100 * (cpu_seconds([member]) - before[member.pid]) / IDLE, shared_size([member]), member)
            for member in family
        ]
        for share, mb, member in parts:
            print(f"  {share:4.1f} % {mb:6.1f} MB  {' '.join(member.cmdline()[1:5])}", flush=True)
    busy, size = sum(part[0] for part in parts), sum(part[1] for part in parts)
    return [
        Figure(name="24 MB file through the running engine: total minus plain yt-dlp", ours=ours - plain,
               unit="s", peer=plain, peer_name="yt-dlp", target=1.5),
        Figure(name="idle engine, all processes: share of one core", ours=busy,
               unit="%", target=3.0),
        Figure(name="idle engine, all processes: proportional set size", ours=size,
               unit="MB", target=600.0),
    ]  # fmt: skip


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=1.0).is_success
    except httpx.TransportError:
        return False
