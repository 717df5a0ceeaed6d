"""A place to run whole flows in: real server, real site, a data folder and a library of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.conftest import connected, engine_settings, server
from tests.flows.workshop import Workshop
from tests.site.server import MediaSite

__all__ = ["connected", "engine_settings", "server"]


@pytest.fixture
def workshop(
    media_site: MediaSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Workshop:
    """Return a place whose configuration flows find by themselves, as they do in a worker."""
    request.getfixturevalue("connected")
    made = Workshop(site=media_site, root=tmp_path, tag=tmp_path.name.replace("_", ""))
    monkeypatch.setenv("VIDRA_CONFIG", str(made.write_config()))
    return made
