"""What a list of 200 costs that is all archived: in a warm engine, and whole, next to ytdl-sub."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks import ytdl_sub
from benchmarks.engine import engine_up
from benchmarks.expanding import archive, declare, expand, warm
from benchmarks.figures import Figure, median_seconds
from benchmarks.processes import SHORT, vidra_command, write_config
from benchmarks.ytdl_sub import YtdlSub
from tests.site.media import media_folder
from tests.site.server import MediaSite, serve

TIMES: Final = 3 if SHORT else 7
PEER_TIMES: Final = 1 if SHORT else 3
ENTRIES: Final = 200


def run() -> Iterator[Figure]:
    """Measure; takes about a minute and a half, half of it ytdl-sub."""
    with serve(media_folder()) as site, tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        config = write_config(root, site)
        url = site.url(f"/feed/{ENTRIES}.rss")
        declare(config, {"talks": {"urls": url}})
        archive(config, [url])
        with warm(config):
            ours = median_seconds(lambda: expand("talks"), times=TIMES)
        yield Figure(
            name=f"{ENTRIES} archived entries, work in a warm engine", ours=ours, unit="s", target=0.9
        )
        yield from _whole_process(root, config, site)


def _whole_process(root: Path, config: Path, site: MediaSite) -> Iterator[Figure]:
    """Yield what the same costs from the command line with an engine up, next to ytdl-sub.

    A feed does not tell which of its items a page is, so yt-dlp, and with it ytdl-sub, reads every page
    before it looks into its archive. With `break_on_existing` it ends at the first: that is its best case.
    """
    command = vidra_command(config, "subscription", "run", "talks")
    with engine_up(config):
        ours = median_seconds(
            lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL), times=TIMES
        )
    if ytdl_sub.COMMAND is None:
        print("BENCH_YTDL_SUB is not set: no figures of ytdl-sub", file=sys.stderr)
        yield Figure(name=f"{ENTRIES} archived entries from the command line", ours=ours, unit="s")
        return
    url = site.url(f"/feed/{ENTRIES}.rss")
    for stops_early, what in ((False, "all looked at"), (True, "it stops at the first")):
        peer = YtdlSub.configured(root / "peer", {"talks": url}, stops_early=stops_early)
        peer.archive("talks", (f"n{k}" for k in range(1, ENTRIES + 1)))
        yield Figure(
            name=f"{ENTRIES} archived entries from the command line ({what})", ours=ours, unit="s",
            peer=median_seconds(peer.run, times=PEER_TIMES), peer_name=ytdl_sub.NAME, target=0.6,
            target_is_ratio=True,
        )  # fmt: skip
