"""Fifty small files as a media server wants them: tags, NFO and thumbnails; next to ytdl-sub."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from benchmarks import ytdl_sub
from benchmarks.engine import engine_up
from benchmarks.expanding import declare
from benchmarks.figures import Figure
from benchmarks.processes import SHORT, vidra_command, write_config
from benchmarks.ytdl_sub import YtdlSub
from tests.site.media import media_folder
from tests.site.server import MediaSite, serve
from vidra.media.ffmpeg import find_ffmpeg

ITEMS: Final = 50
ROUNDS: Final = 1 if SHORT else 5


def run() -> Iterator[Figure]:
    """Measure; takes about three minutes, one with BENCH_SHORT=1. Both sides take turns on the same site."""
    with serve(media_folder()) as site, tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        config = write_config(root, site)
        ours, peer, requests = [], [], 0
        _declare(config, site, "warmup", items=2)
        with engine_up(config):
            _vidra(config, root, items=2)
            for number in range(ROUNDS):
                _declare(config, site, f"r{number}", items=ITEMS)
                before = len(site.requests())
                ours.append(_timed(lambda: _vidra(config, root, items=ITEMS)))
                requests = len(site.requests()) - before
                if ytdl_sub.COMMAND is not None:
                    url = site.url(f"/pictured/r{number}/feed-{ITEMS}.rss")
                    other = YtdlSub.configured(root / "peer", {"talks": url}, published=True)
                    peer.append(_timed(lambda: _ytdl_sub(other)))  # noqa: B023 - called at once
        if not peer:
            print("BENCH_YTDL_SUB is not set: no figures of ytdl-sub", file=sys.stderr)
        yield Figure(
            name=f"{ITEMS} small files with tags, NFO and thumbnails", ours=sorted(ours)[ROUNDS // 2],
            unit="s", peer=sorted(peer)[ROUNDS // 2] if peer else None, peer_name=ytdl_sub.NAME, target=0.25,
            target_is_ratio=True,
        )  # fmt: skip
        yield Figure(
            name="requests per item, the list's own left out", ours=(requests - 1) / ITEMS, unit="", target=3
        )


def _declare(config: Path, site: MediaSite, tag: str, *, items: int) -> None:
    url = site.url(f"/pictured/{tag}/feed-{items}.rss")
    declare(config, {"talks": {"urls": url, "output_preset": "jellyfin-tv"}})


def _vidra(config: Path, root: Path, *, items: int) -> None:
    """Run the subscription through the engine, into an empty library."""
    library = root / "library"
    shutil.rmtree(library, ignore_errors=True)
    subprocess.run(
        # Each round names another list: without `--yes` the run would rightly ask where the old items went.
        vidra_command(config, "subscription", "run", "talks", "--yes"),
        check=True,
        stdout=subprocess.DEVNULL,
    )
    _check(library, items)


def _ytdl_sub(peer: YtdlSub) -> None:
    peer.run()
    _check(peer.folder / "out", ITEMS)


def _check(folder: Path, items: int) -> None:
    """Fail unless everything that was asked for is there."""
    for pattern in ("*.mp4", "*-thumb.jpg", "* S*.nfo"):
        found = len(list(folder.rglob(pattern)))
        assert found == items, f"{found} of {items} {pattern}"
    assert len(list(folder.rglob("tvshow.nfo"))) == 1
    command = [str(find_ffmpeg()), "-hide_banner", "-i", str(next(folder.rglob("*.mp4")))]
    told = subprocess.run(command, check=False, capture_output=True, text=True).stderr
    assert "show  " in told, told
    assert "title           : Pictured" in told, told


def _timed(work: Callable[[], None]) -> float:
    os.sync()  # neither side waits for what the other has written
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
