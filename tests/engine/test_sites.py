"""Which site an address belongs to."""

from __future__ import annotations

import pytest

from vidra.engine.politeness.limits import declared_limits, download_limits, pace_of
from vidra.engine.politeness.sites import site_of
from vidra.settings import LimitSettings

LIMITS = LimitSettings.model_validate(
    {
        "downloads": 9,
        "site_downloads": 4,
        "sites": {
            "Example.org": {"downloads": 2, "also": ["ex.mp"]},
            "video.example.org": {"per_minute": 6},
        },
    }
)


@pytest.mark.parametrize(
    ("url", "site"),
    [
        ("https://example.org/watch", "example.org"),
        ("https://www.example.org:8443/watch", "example.org"),
        ("https://cdn.video.example.org/x", "video.example.org"),
        ("https://ex.mp/abc", "example.org"),
        ("https://notexample.org/", "notexample.org"),
        ("https://www.Other.example/", "other.example"),
        ("https://m.other.example/", "other.example"),
        ("http://127.0.0.1:8000/x", "127.0.0.1"),
        ("file:nothing", "unknown"),
    ],
)
def test_an_address_belongs_to_one_site(url: str, site: str) -> None:
    """Subdomains and other names belong to the site that the settings name; the longest name wins."""
    assert site_of(url, LIMITS) == site


def test_a_download_takes_a_slot_of_every_limit_that_applies() -> None:
    """Its own site's section counts whole: what it leaves out is not limited."""
    names = {
        site: [(limit.name, limit.slots) for limit in download_limits(site, LIMITS)]
        for site in ("example.org", "video.example.org", "other.example")
    }
    assert names == {
        "example.org": [("vidra-downloads", 9), ("vidra-site-example.org", 2)],
        "video.example.org": [("vidra-downloads", 9)],
        "other.example": [("vidra-downloads", 9), ("vidra-site-other.example", 4)],
    }
    assert pace_of("example.org", LIMITS) is None
    assert [str(limit) for limit in declared_limits(LIMITS)] == ["9 at a time", "6 a minute", "2 at a time"]


def test_without_settings_nothing_is_limited() -> None:
    """The default costs no request to the server."""
    assert list(download_limits("any.example", LimitSettings())) == []
    assert list(declared_limits(LimitSettings())) == []
