"""Third idea: a media session lists and downloads; what is wrong is refused, what arrives is verified."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.site.server import MediaSite
from vidra.errors import OptionRefused, UrlRefused
from vidra.media.addresses import NetworkPolicy, check_url
from vidra.media.options import OptionLayer, Origin, resolve_options
from vidra.media.session import MediaSession


def test_options_are_an_allow_list() -> None:
    """What runs a program is refused by name."""
    with pytest.raises(OptionRefused, match="exec"):
        resolve_options(OptionLayer(origin=Origin.JOB, values={"exec": "rm -rf ."}))


def test_addresses_inside_the_house_are_refused() -> None:
    """A job from outside must not reach what only we can reach."""
    with pytest.raises(UrlRefused, match="not a public address"):
        check_url("http://127.0.0.1:8080/admin", NetworkPolicy())


def test_a_session_lists_and_downloads(media_site: MediaSite, tmp_path: Path) -> None:
    """Nothing of yt-dlp is seen: entries in, verified files out."""
    options = resolve_options(OptionLayer(origin=Origin.OWNER, values={}))
    policy = NetworkPolicy(allow_private=True)
    with MediaSession(options=options, network=policy, library=tmp_path / "library") as session:
        listing = session.list(media_site.url("/feed.rss"))
        media = session.download(listing.entries[0], workdir=tmp_path / "work")

    assert [entry.title for entry in listing.entries] == [f"Test clip {n}" for n in (4, 3)] + [
        "Test clip 2: “Ü & <b>”",
        "Test clip 1",
    ]
    assert media.path.is_file()
    assert media.duration == pytest.approx(4.0, abs=0.5)
