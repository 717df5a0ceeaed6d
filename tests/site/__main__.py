"""Serve the media site to a person: `python -m tests.site --port 8080`."""

from __future__ import annotations

import argparse
import sys
import threading

from tests.site.media import media_folder
from tests.site.server import serve


def main() -> None:
    """Serve until interrupted; port 0 takes a free one."""
    parser = argparse.ArgumentParser(prog="python -m tests.site", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    port: int = parser.parse_args().port
    with serve(media_folder(), port=port) as site:
        sys.stdout.write(f"{site.base}/ - a channel: {site.base}/feed.rss\n")
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
