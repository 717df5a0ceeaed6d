"""The site keeps its own promises, or every test against it means less."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request

import pytest

from tests.site.media import other_edition
from tests.site.server import MediaSite


def get(url: str, **headers: str) -> tuple[int, bytes]:
    """Return status and body."""
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - our own loopback site
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - the same
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_a_range_is_served_as_asked(media_site: MediaSite) -> None:
    """206 with exactly the bytes, 416 beyond the end."""
    whole = media_site.file("m/vid001.mp4").read_bytes()
    assert get(media_site.url("m/vid001.mp4"), Range="bytes=10-19") == (206, whole[10:20])
    assert get(media_site.url("m/vid001.mp4"), Range=f"bytes={len(whole)}-")[0] == 416


def test_a_status_fault_counts_its_requests(media_site: MediaSite) -> None:
    """Two 503, then the file."""
    url = media_site.url("f/s503x2,tagsite1/m/vid001.jpg")
    assert [get(url)[0] for _ in range(3)] == [503, 503, 200]


def test_a_body_closed_short_is_noticed(media_site: MediaSite) -> None:
    """`fin` promises more than it sends."""
    with pytest.raises(http.client.IncompleteRead):
        get(media_site.url("f/fin1000,tagsite2/m/vid001.mp4"))


def test_an_unannounced_end_looks_whole(media_site: MediaSite) -> None:
    """With `unsaid`, nothing in HTTP tells a truncated file from a whole one."""
    status, body = get(media_site.url("f/fin1000,unsaid,tagsite3/m/vid001.mp4"))
    assert (status, len(body)) == (200, 1000)


def test_another_edition_has_the_same_size_and_other_bytes(media_site: MediaSite) -> None:
    """`swap1`: the second body differs at both ends."""
    url = media_site.url("f/swap1,tagsite4/m/vid001.mp4")
    first, second = get(url)[1], get(url)[1]
    assert len(first) == len(second)
    assert second == other_edition("vid001.mp4", first) != first


def test_requests_share_a_connection(media_site: MediaSite) -> None:
    """HTTP/1.1 keep-alive: two requests, one client port."""
    connection = http.client.HTTPConnection(media_site.base.removeprefix("http://"), timeout=10)
    for _ in range(2):
        connection.request("GET", "/f/tagsite5/m/vid001.jpg")
        connection.getresponse().read()
    connection.close()
    assert len({request.client for request in media_site.requests("tagsite5")}) == 1


def test_a_generated_feed_has_as_many_entries_as_asked(media_site: MediaSite) -> None:
    """`/feed/<n>.rss` is made on the fly."""
    assert get(media_site.url("feed/5000.rss"))[1].count(b"<item>") == 5000
