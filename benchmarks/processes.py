"""What several benchmarks need of processes: start, watch and end them, and the two ways to download."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import psutil

from tests.site.server import MediaSite

SHORT: Final = bool(os.environ.get("BENCH_SHORT"))
"""Fewer repetitions, for a look in between; figures are then worth less."""
LIMIT: Final = 120.0
"""Seconds after which something that should have happened counts as never happening."""

_CONFIG = """\
storage: {{data_dir: {root}/data, cache_dir: {root}/cache}}
downloads: {{library: {root}/library, free_space_floor: 0}}
network: {{allowed_addresses: ["127.0.0.1:{port}"]}}
server: {{port: {shim}}}
"""


def write_config(root: Path, site: MediaSite) -> Path:
    """Write and return a configuration that keeps everything below `root` and may reach the site."""
    config = root / "vidra.yaml"
    port = site.base.rpartition(":")[2]
    config.write_text(_CONFIG.format(root=root, port=port, shim=free_port()), encoding="utf-8")
    return config


def vidra_command(config: Path, *arguments: str) -> list[str]:
    """Return the command line of `vidra` with this configuration."""
    return [sys.executable, "-m", "vidra.cli", "--config", str(config), *arguments]


def vidra_download(config: Path, root: Path, url: str) -> None:
    """Download the URL into an empty library."""
    shutil.rmtree(root / "library", ignore_errors=True)
    subprocess.run(vidra_command(config, "flow", "run", "download-job", "-q", url), check=True)


def yt_dlp_download(root: Path, url: str) -> None:
    """Download the URL with plain yt-dlp into an empty folder."""
    target = root / "plain"
    shutil.rmtree(target, ignore_errors=True)
    subprocess.run(
        [sys.executable, "-m", "yt_dlp", "--ignore-config", "--quiet", "-P", str(target), url], check=True
    )


def family_of(pid: int) -> list[psutil.Process]:
    """Return the process and everything below it."""
    head = psutil.Process(pid)
    return [head, *head.children(recursive=True)]


def cpu_seconds(family: Sequence[psutil.Process], *, with_children: bool = False) -> float:
    """Return the CPU time used so far; `with_children` adds that of children that have ended."""
    total = 0.0
    for member in family:
        with suppress(psutil.NoSuchProcess):
            times = member.cpu_times()
            total += times.user + times.system
            if with_children:
                total += times.children_user + times.children_system
    return total


def exact_cpu_seconds(pid: int) -> float:
    """Return the CPU time of the process's threads so far, by the scheduler's own clock (Linux).

    What `cpu_times` returns is counted in hundredths of a second: too coarse for a few milliseconds.
    Threads that have ended are not in it.
    """
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text("ascii").split()[0]) for thread in threads) / 1e9


def shared_size(family: Sequence[psutil.Process]) -> float:
    """Return the proportional set size of all together, in MB."""
    return sum(member.memory_full_info().pss for member in family) / 1e6


@contextmanager
def ended(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> Iterator[None]:
    """End the process with SIGTERM when the context is left, and with all below it if it does not go."""
    try:
        yield
    finally:
        family = family_of(process.pid) if process.poll() is None else []
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            for member in family:
                with suppress(psutil.NoSuchProcess):
                    member.kill()
            process.wait(10)
        if process.stdout is not None:
            process.stdout.close()


def until(true: Callable[[], bool], *, pause: float = 0.05) -> None:
    """Return as soon as it is true."""
    deadline = time.monotonic() + LIMIT
    while not true():
        assert time.monotonic() < deadline, f"not within {LIMIT:g} s"
        time.sleep(pause)


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
