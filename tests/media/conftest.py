"""What tests of the media room share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.media.little_server import Serve, serving
from tests.media.studio import Studio
from tests.site import MediaSite


@pytest.fixture
def studio(media_site: MediaSite, tmp_path: Path) -> Studio:
    """Return a place to download in."""
    return Studio(site=media_site, root=tmp_path)


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Return a function that starts little web servers; all end with the test."""
    with serving() as start:
        yield start
