"""Fixtures of the media site; a `conftest.py` imports them by name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.site.media import media_folder
from tests.site.server import MediaSite, serve


@pytest.fixture(scope="session")
def media_site() -> Iterator[MediaSite]:
    """Run a site, shared by the whole run: use a `tag` fault to keep counters apart."""
    with serve(media_folder()) as site:
        yield site
