"""What a whole run costs from the command line, next to plain yt-dlp and Prefect's own ephemeral server."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import psutil

from benchmarks.figures import Figure, median_seconds
from benchmarks.processes import vidra_command, vidra_download, write_config, yt_dlp_download
from tests.site.media import media_folder
from tests.site.server import MediaSite, serve

_EPHEMERAL = """
import asyncio
from prefect import flow
@flow
async def nothing() -> None: ...
asyncio.run(nothing())
"""


def run() -> list[Figure]:
    """Measure; takes about two minutes."""
    with serve(media_folder()) as site, tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        config = write_config(root, site)
        return [*_overhead(config, root, site), *_memory(config, site)]


def _overhead(config: Path, root: Path, site: MediaSite) -> list[Figure]:
    big = site.url("/m/big.mp4")
    ours = median_seconds(lambda: vidra_download(config, root, big), times=3)
    plain = median_seconds(lambda: yt_dlp_download(root, big), times=3)
    ephemeral = median_seconds(lambda: _ephemeral(root), times=3)
    return [
        Figure(
            name="24 MB file, private server: total minus plain yt-dlp",
            ours=ours - plain, unit="s", peer=plain, peer_name="yt-dlp", target=7.0,
        ),
        Figure(
            name="the same, minus an empty flow on Prefect's ephemeral server",
            ours=ours - plain - ephemeral, unit="s", peer=ephemeral, peer_name="ephemeral", target=1.0,
        ),
    ]  # fmt: skip


def _memory(config: Path, site: MediaSite) -> list[Figure]:
    command = vidra_command(config, "flow", "run", "download-job", site.url("/feed/5000.rss"))
    peak = _peak_memory([*command, "--dry-run", "--quiet"])
    return [Figure(name="peak memory of a run with a 5,000-entry list", ours=peak, unit="MB", target=200.0)]


def _ephemeral(root: Path) -> None:
    environment = os.environ | {
        "PREFECT_HOME": str(root / "ephemeral"),
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "true",
        "PREFECT_LOGGING_LEVEL": "ERROR",
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }
    subprocess.run([sys.executable, "-c", _EPHEMERAL], check=True, env=environment, capture_output=True)


def _peak_memory(command: list[str]) -> float:
    """Return the largest resident size in MB of the process itself; its server is one of its own."""
    process = psutil.Popen(command)
    peak = 0
    done = threading.Event()
    while process.poll() is None:
        try:
            peak = max(peak, process.memory_info().rss)
        except psutil.Error:
            break
        done.wait(0.05)
    if process.wait() != 0:
        msg = f"{command} ended with {process.returncode}"
        raise RuntimeError(msg)
    return peak / 1e6
