"""What forty subscriptions cost whose listings take 200 ms each and that have everything."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from benchmarks import ytdl_sub
from benchmarks.expanding import archive, declare, expand, warm
from benchmarks.figures import Figure, median_seconds
from benchmarks.processes import SHORT, write_config
from benchmarks.ytdl_sub import YtdlSub
from tests.site.media import media_folder
from tests.site.server import serve

MANY: Final = 40
ENTRIES: Final = 10
TIMES: Final = 3 if SHORT else 7


def run() -> Iterator[Figure]:
    """Measure; takes about two minutes, most of them the peers."""
    with serve(media_folder()) as site, tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        config = write_config(root, site)
        urls = {f"s{n}": site.url(f"/f/wait0.2,tag{n}/feed/{ENTRIES}.rss") for n in range(MANY)}
        declare(config, {name: {"urls": url} for name, url in urls.items()})
        archive(config, urls.values())
        with warm(config):
            ours = median_seconds(lambda: expand(*urls), times=TIMES)
        plain = median_seconds(lambda: _flat(list(urls.values())), times=1)
        name = f"{MANY} subscriptions, 200 ms a listing, all archived"
        yield Figure(name=name, ours=ours, unit="s", peer=plain, peer_name="yt-dlp", target=3.0)
        if ytdl_sub.COMMAND is None:
            print("BENCH_YTDL_SUB is not set: no figures of ytdl-sub", file=sys.stderr)
            return
        # In its best case: it looks no further than the first item it has (see `subscriptions`).
        peer = YtdlSub.configured(root / "peer", urls, stops_early=True)
        for subscription in urls:
            peer.archive(subscription, (f"n{k}" for k in range(1, ENTRIES + 1)))
        seconds = median_seconds(peer.run, times=1)
        yield Figure(name=name, ours=ours, unit="s", peer=seconds, peer_name=ytdl_sub.NAME, target=3.0)


def _flat(urls: Sequence[str]) -> None:
    """List the addresses with plain yt-dlp, one after another."""
    command = [
        sys.executable, "-m", "yt_dlp", "--ignore-config", "--quiet", "--no-warnings", "--flat-playlist",
        "--simulate",
    ]  # fmt: skip
    subprocess.run([*command, *urls], check=True, stdout=subprocess.DEVNULL)
