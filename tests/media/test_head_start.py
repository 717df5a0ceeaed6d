"""A media file that had to be asked for to find out what it is, is not asked for again to download it."""

from __future__ import annotations

from tests.media.studio import Studio
from tests.media.test_resume import kill_half_way


def test_a_bare_file_is_asked_for_once(studio: Studio) -> None:
    """What the extraction was answered is the download, whole and under the usual name."""
    media = studio.download("f/tagheadwhole/m/vid001.mp4")

    assert len(studio.site.requests("tagheadwhole")) == 1
    assert media.path.read_bytes() == studio.site.file("m/vid001.mp4").read_bytes()


def test_a_page_that_does_not_say_what_it_points_to_costs_no_more(studio: Studio) -> None:
    """Page, file and picture; the file is asked for once although only its server knows that it is one."""
    before = len(studio.site.requests())
    media = studio.download("v/vid002.html", write_thumbnail=True)

    assert [request.path for request in studio.site.requests()[before:]] == [
        "/v/vid002.html", "/m/vid002.mp4", "/m/vid002.jpg",
    ]  # fmt: skip
    assert media.path.read_bytes() == studio.site.file("m/vid002.mp4").read_bytes()


def test_a_part_is_resumed_all_the_same(studio: Studio) -> None:
    """The answer to the extraction begins at the beginning: it is hung up on, and the rest asked for."""
    path = "f/rate500000,tagheadpart/m/vid001.mp4"
    kill_half_way(studio, path, after=150_000)
    media = studio.download(path)

    assert media.path.read_bytes() == studio.site.file("m/vid001.mp4").read_bytes()
    ranges = [request.headers.get("range") for request in studio.site.requests("tagheadpart")]
    assert ranges[:2] == [None, None]
    assert ranges[2] is not None


def test_an_answer_that_breaks_off_is_gone_on_with(studio: Studio) -> None:
    """The one answer there is may break like any other; the next request asks for the rest."""
    media = studio.download("f/cut90000x1,etag1,tagheadcut/m/vid001.mp4")

    assert media.path.read_bytes() == studio.site.file("m/vid001.mp4").read_bytes()
    assert [request.headers.get("range") is None for request in studio.site.requests("tagheadcut")] == [
        True, False,
    ]  # fmt: skip


def test_a_picture_or_page_is_never_taken_for_the_file(studio: Studio) -> None:
    """An HLS page's play lists and segments are fetched one by one, as ever."""
    media = studio.download("vh/vid002.html")
    assert media.duration is not None
    assert abs(media.duration - 4.0) < 0.5
