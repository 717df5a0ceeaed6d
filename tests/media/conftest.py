"""What tests of the media room share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.media.studio import Studio
from tests.site import MediaSite


@pytest.fixture
def studio(media_site: MediaSite, tmp_path: Path) -> Studio:
    """Return a place to download in."""
    return Studio(site=media_site, root=tmp_path)
