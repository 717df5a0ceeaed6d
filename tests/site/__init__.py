"""A local media site: generated clips, HLS, DASH, pages, feeds, and faults asked for in the path.

Loopback only. `python -m tests.site --port 8080` serves it to people; tests use the fixtures of
`tests.site.fixtures`. Paths are described in `tests.site.server`, faults in `tests.site.faults`.
"""

from __future__ import annotations

from tests.site.catalogue import ITEMS, Item
from tests.site.media import media_folder
from tests.site.server import MediaSite, Request, serve

__all__ = ["ITEMS", "Item", "MediaSite", "Request", "media_folder", "serve"]
