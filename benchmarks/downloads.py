"""Downloads through media sessions against plain yt-dlp, on the same local site in the same run.

Both sides write metadata, pictures and info JSON to fresh folders. The peer's time includes the start
of its process (about 0.7 s), ours the opening of the sessions.
"""

from __future__ import annotations

import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure
from tests.site import MediaSite, media_folder, serve
from vidra.media.addresses import NetworkPolicy
from vidra.media.ffmpeg import find_ffmpeg
from vidra.media.interface import Listing, MediaEntry
from vidra.media.options import OptionLayer, Origin, resolve_options
from vidra.media.session import MediaSession

WORKERS = 8
NOTES = {"embed_metadata": True, "write_info_json": True, "write_thumbnail": True}
NOTE_FLAGS = ("--embed-metadata", "--write-info-json", "--write-thumbnail")

LISTING = """
import resource, sys
from pathlib import Path
from benchmarks.downloads import session_for
with session_for(Path(sys.argv[2])) as session:
    count = len(session.list(sys.argv[1]).entries)
print(count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def run() -> Iterator[Figure]:
    """Yield the figures; about a minute and a half, most of it the peer at 24 KiB a second."""
    with serve(media_folder()) as site:
        yield small_files(site)
        yield slow_files(site)
        yield long_listing(site)


def small_files(site: MediaSite) -> Figure:
    """50 small files with metadata, picture and info JSON: median of three runs a side, taking turns."""
    url = site.url("feed/50.rss")
    ours, peer = [], []
    for _ in range(3):
        ours.append(timed(lambda folder: by_sessions(url, folder, **NOTES)))
        peer.append(timed(lambda folder: by_yt_dlp(url, folder, *NOTE_FLAGS)))
    return Figure(
        name=f"50 small files, {WORKERS} workers",
        ours=sorted(ours)[1],
        unit="s",
        peer=sorted(peer)[1],
        peer_name="yt-dlp",
        target=1.0,
        target_is_ratio=True,
    )


def slow_files(site: MediaSite) -> Figure:
    """20 files from a server that sends 24 KiB a second on each connection."""
    url = site.url("files/20/rate24576/vid001.mp3.rss")
    return Figure(
        name=f"20 files at 24 KiB/s a connection, {WORKERS} workers",
        ours=timed(lambda folder: by_sessions(url, folder)),
        unit="s",
        peer=timed(lambda folder: by_yt_dlp(url, folder)),
        peer_name="yt-dlp",
        target=0.25,
        target_is_ratio=True,
    )


def long_listing(site: MediaSite) -> Figure:
    """Peak memory of a process that lists 5,000 entries."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", LISTING, site.url("feed/5000.rss"), folder]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    count, megabytes = done.stdout.split()
    assert count == "5000", done.stdout
    return Figure(name="peak memory of a 5,000-entry listing", ours=float(megabytes), unit="MB", target=200)


def timed(work: Callable[[Path], int]) -> float:
    """Return the seconds that the work takes in a fresh folder; it must leave as many media as asked."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        wanted = work(Path(folder))
        took = time.perf_counter() - began
        media = [path for path in Path(folder).rglob("*") if path.suffix in {".mp4", ".mp3"}]
        assert len(media) == wanted, f"{len(media)} of {wanted} files"
    return took


def by_yt_dlp(url: str, folder: Path, *flags: str) -> int:
    """Download a feed with the command-line program."""
    command = [
        sys.executable, "-m", "yt_dlp", "--ignore-config", "--quiet", "--no-warnings", "--no-progress",
        "--ffmpeg-location", str(find_ffmpeg()), "-o", f"{folder}/%(title)s [%(id)s].%(ext)s", *flags, url,
    ]  # fmt: skip
    subprocess.run(command, check=True)
    return _entries_in(url)


def by_sessions(url: str, folder: Path, **options: Any) -> int:
    """Download a feed with one session for each of the worker threads."""
    with session_for(folder, **options) as session:
        listing = session.list(url)
    waiting: queue.SimpleQueue[MediaEntry] = queue.SimpleQueue()
    for entry in listing.entries:
        waiting.put(entry)
    workers = [
        threading.Thread(target=_work, args=(waiting, listing, folder, options)) for _ in range(WORKERS)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return len(listing.entries)


def session_for(folder: Path, **options: Any) -> MediaSession:
    """Open a session that may talk to loopback."""
    return MediaSession(
        options=resolve_options(OptionLayer(origin=Origin.OWNER, values=options)),
        network=NetworkPolicy(allow_private=True),
        library=folder / "library",
    )


def _work(
    waiting: queue.SimpleQueue[MediaEntry], listing: Listing, folder: Path, options: dict[str, Any]
) -> None:
    with session_for(folder, **options) as session:
        while True:
            try:
                entry = waiting.get_nowait()
            except queue.Empty:
                return
            session.download(entry, workdir=folder / "work", playlist=listing)


def _entries_in(url: str) -> int:
    """Return how many entries the address of a generated feed says it has."""
    return int(next(part for part in url.replace(".rss", "").split("/") if part.isdigit()))
