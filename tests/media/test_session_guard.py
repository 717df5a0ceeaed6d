"""The guard from end to end: what a media session does when a page leads inside."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.media.little_server import Serve, Server, moved, text
from tests.media.studio import options
from vidra.errors import UrlRefused
from vidra.media.addresses import NetworkPolicy
from vidra.media.interface import MediaEntry
from vidra.media.session import MediaSession

HLS = {"Content-Type": "application/vnd.apple.mpegurl"}


def open_session(folder: Path, *allowed: Server) -> MediaSession:
    """Open a session that may talk to these servers only."""
    network = NetworkPolicy(exceptions=frozenset((server.host, server.port) for server in allowed))
    return MediaSession(options=options(retries=1), network=network, library=folder / "library")


def test_listing_an_inside_address_is_refused(serve: Serve, tmp_path: Path) -> None:
    """Nothing is sent, not even a HEAD request."""
    inside = serve(lambda _: text("secret"))
    with open_session(tmp_path) as session, pytest.raises(UrlRefused, match="not a public address"):
        session.list(inside.url("/video.mp4"))
    assert inside.seen == []


def test_a_page_that_redirects_inside_is_refused(serve: Serve, tmp_path: Path) -> None:
    """API-21 through the whole room."""
    inside = serve(lambda _: text("secret"), "127.0.0.2")
    outside = serve(lambda _: moved(inside.url("/video.mp4")))
    with open_session(tmp_path, outside) as session, pytest.raises(UrlRefused, match=r"127\.0\.0\.2"):
        session.list(outside.url("/page"))
    assert inside.seen == []


def test_a_manifest_with_an_inside_segment_fails_and_leaves_nothing(serve: Serve, tmp_path: Path) -> None:
    """API-23 through the whole room: the library stays empty."""
    inside = serve(lambda _: text("secret"))
    segments = f"#EXTINF:1,\n/a.ts\n#EXTINF:1,\nhttp://localhost:{inside.port}/b.ts\n"
    lines = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n{segments}#EXT-X-ENDLIST\n"

    def reply(path: str) -> tuple[int, dict[str, str], bytes]:
        return (200, HLS, lines.encode()) if path.endswith("m3u8") else (200, {}, b"G" + bytes(187))

    site = serve(reply)
    entry = MediaEntry(key="generic list", url=site.url("/list.m3u8"))
    with open_session(tmp_path, site) as session, pytest.raises(UrlRefused, match="localhost"):
        session.download(entry, workdir=tmp_path / "work")
    assert inside.seen == []
    assert not [path for path in (tmp_path / "library").rglob("*") if path.is_file()]
