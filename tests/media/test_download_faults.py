"""What a server can do to a download: one test for each row of `yt-dlp's behaviour` in the contract."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.media.studio import Studio
from tests.site.media import other_edition
from vidra.errors import (
    ExtractorBroken,
    MediaError,
    Missing,
    Refused,
    TryLater,
    UrlRefused,
    VerificationFailed,
)


def sha(path: Path) -> str:
    """Return the digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_reset_connection_is_resumed(studio: Studio) -> None:
    """Two resets: the rest is asked for with Range, the file is whole, and the retries are in the log."""
    media = studio.download("p/cut200000x2,tagreset/m/vid001.mp4")
    assert sha(media.path) == sha(studio.site.file("m/vid001.mp4"))
    ranges = [request.headers.get("range") for request in studio.site.requests("/f/cut200000x2,tagreset")]
    assert ranges[0] is None
    assert all(asked and not asked.startswith("bytes=0-") for asked in ranges[1:])
    assert any("Retrying" in text for _, text in studio.lines)


def test_a_body_closed_short_is_resumed(studio: Studio) -> None:
    """A `Content-Length` that was not kept counts as a break."""
    media = studio.download("p/fin200000x1,tagshort/m/vid001.mp4")
    assert sha(media.path) == sha(studio.site.file("m/vid001.mp4"))


def test_more_breaks_than_retries_is_passing_trouble_and_keeps_the_part(studio: Studio) -> None:
    """TryLater with the part kept; the next attempt asks for the rest only."""
    page = "p/fin100000x3,tagbreaks/m/vid001.mp4"
    with pytest.raises(TryLater):
        studio.download(page, retries=1)
    kept = studio.part().stat().st_size
    assert 0 < kept <= 200_000
    studio.download(page, retries=1)
    asked = [request.headers.get("range") for request in studio.site.requests("/f/fin100000x3,tagbreaks")]
    assert asked[2] == f"bytes={kept}-"


@pytest.mark.parametrize("status", [429, 503, 500])
def test_a_busy_file_server_is_passing_trouble(studio: Studio, status: int) -> None:
    """The file answers 429 or 5xx: TryLater at once, asked for exactly once, `Retry-After` taken along."""
    with pytest.raises(TryLater) as caught:
        studio.download(f"p/s{status}x*,ra7,tagbusy/m/vid001.mp4")
    assert (caught.value.status, caught.value.retry_after) == (status, 7.0)
    assert len(studio.site.requests(f"/f/s{status}x*,ra7,tagbusy")) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_page_is_passing_trouble(studio: Studio, status: int) -> None:
    """The page answers 429 or 503: TryLater with its `Retry-After`."""
    with studio.session() as session, pytest.raises(TryLater) as caught:
        session.list(studio.site.url(f"f/s{status}x*,ra3,tagpage/v/vid001.html"))
    assert caught.value.retry_after == 3.0


def test_a_missing_file_is_missing(studio: Studio) -> None:
    """404 on the file is `Missing`, and is not asked for again."""
    with pytest.raises(Missing):
        studio.download("p/s404x*,taggone/m/vid001.mp4")
    assert len(studio.site.requests("/f/s404x*,taggone")) == 1


def test_a_missing_page_is_missing(studio: Studio) -> None:
    """404 on the page is `Missing`."""
    with studio.session() as session, pytest.raises(Missing):
        session.list(studio.site.url("v/nothing-here.html"))


def test_a_refused_file_is_extracted_anew_once(studio: Studio) -> None:
    """403 on the file: its address may have expired, so the page is read again, once."""
    page = "p/s403x1,tagexpired/m/vid001.mp4"
    assert studio.download(page).size > 0
    assert len(studio.site.requests(f"/{page}")) == 2


def test_a_file_refused_twice_is_refused(studio: Studio) -> None:
    """403 again after the fresh extraction is final."""
    page = "p/s403x*,tagforbidden/m/vid001.mp4"
    with pytest.raises(Refused):
        studio.download(page)
    assert len(studio.site.requests(f"/{page}")) == 2


def test_a_server_that_ignores_ranges_is_started_anew(studio: Studio) -> None:
    """The file is whole although it could not be resumed."""
    media = studio.download("p/norange,cut200000x1,tagnorange/m/vid001.mp4")
    assert sha(media.path) == sha(studio.site.file("m/vid001.mp4"))


def test_a_stalled_server_is_left_and_resumed(studio: Studio) -> None:
    """`socket_timeout` ends the silence; the rest comes with Range."""
    media = studio.download("p/stall30at200000x1,tagstall/m/vid001.mp4", socket_timeout=1)
    assert sha(media.path) == sha(studio.site.file("m/vid001.mp4"))


def test_a_missing_fragment_is_a_failure(studio: Studio) -> None:
    """A hole in an HLS video is no success, and is not asked for ten times."""
    with pytest.raises(Missing):
        studio.download("odd/hole.html")
    assert studio.shelf() == []
    assert len([r for r in studio.site.requests("/hole/vid001/hi001.ts") if r.status == 404]) <= 2


def test_a_throttling_fragment_server_is_passing_trouble(studio: Studio) -> None:
    """429 on a fragment is not hammered; its `Retry-After` is taken along."""
    with pytest.raises(TryLater) as caught:
        studio.download("hls-busy/vid001.html")
    assert caught.value.retry_after == 5.0
    assert len(studio.site.requests("/f/s429x*,ra5,tagsegment/")) == 1


def test_a_web_page_instead_of_the_file_is_a_failure(studio: Studio) -> None:
    """A login wall named `.mp4` fails verification and leaves nothing behind."""
    with pytest.raises(VerificationFailed, match="web page"):
        studio.download("p/html200x*,tagwall/m/vid001.mp4")
    assert (studio.shelf(), studio.desk()) == ([], [])


def test_an_unannounced_truncation_is_a_failure(studio: Studio) -> None:
    """The body ends early and nothing in HTTP says so: the container does."""
    with pytest.raises(VerificationFailed, match="the end is missing"):
        studio.download("p/unsaid,fin200000x*,tagtrunc/m/vid001.mp4")
    assert (studio.shelf(), studio.desk()) == ([], [])


def test_a_truncated_stream_without_an_index_is_a_failure(studio: Studio) -> None:
    """An MP3 has no index; its header promises a length that reading it does not bear out."""
    item = "p/unsaid,fin20000x*,tagmp3/m/vid001.mp3"
    with pytest.raises(VerificationFailed, match="the end is missing"):
        studio.download(item)


def test_a_part_that_is_already_whole_is_finished(studio: Studio) -> None:
    """Killed between the last byte and the rename: 416, then done, without fetching it again."""
    with pytest.raises(TryLater):
        studio.download("p/fin200000x2,etag1,tagwhole/m/vid001.mp4", retries=0)
    whole = studio.site.file("m/vid001.mp4").read_bytes()
    studio.part().write_bytes(whole)
    inode = studio.part().stat().st_ino
    media = studio.download("p/fin200000x2,etag1,tagwhole/m/vid001.mp4", retries=0)
    assert media.path.read_bytes() == whole
    assert media.path.stat().st_ino == inode
    assert 416 in [request.status for request in studio.site.requests("/f/fin200000x2,etag1,tagwhole")]


def test_a_file_that_changed_between_runs_is_started_anew(studio: Studio) -> None:
    """The server has another edition by now: no halves of two files."""
    page = "p/swap1,fin300000x1,tagswap/m/vid001.mp4"
    with pytest.raises(TryLater):
        studio.download(page, retries=0)
    first = studio.site.file("m/vid001.mp4").read_bytes()
    assert studio.download(page).path.read_bytes() == other_edition("vid001.mp4", first)


def test_a_file_that_shrank_between_runs_is_started_anew(studio: Studio) -> None:
    """The part is longer than what the server has now (416)."""
    page = "p/shrink1,fin300000x1,tagshrink/m/vid001.mp4"
    with pytest.raises(TryLater):
        studio.download(page, retries=0)
    assert sha(studio.download(page).path) == sha(studio.site.file("m/vid000.mp4"))


def test_a_part_of_unknown_origin_is_not_trusted(studio: Studio) -> None:
    """Without its record, a part might be half of anything."""
    page = "p/fin300000x1,tagunknown/m/vid001.mp4"
    with pytest.raises(TryLater):
        studio.download(page, retries=0)
    part = studio.part()
    part.write_bytes(b"x" * 300_000)
    part.with_name(f"{part.name}.origin").unlink()
    assert sha(studio.download(page).path) == sha(studio.site.file("m/vid001.mp4"))


def test_a_crashing_extractor_is_told_apart_from_a_broken_item(studio: Studio) -> None:
    """A raw `UnicodeDecodeError` becomes `ExtractorBroken`, with yt-dlp's version and age."""
    with studio.session() as session, pytest.raises(ExtractorBroken) as caught:
        session.list(studio.site.url("odd/charset.html"))
    assert caught.value.age_days is not None
    assert caught.value.version in str(caught.value)


def test_a_local_file_is_refused(studio: Studio) -> None:
    """`file://` never reaches a file."""
    with studio.session() as session, pytest.raises((UrlRefused, MediaError, Missing)):
        session.list("file:///etc/hostname")


def test_one_bad_entry_fails_alone(studio: Studio) -> None:
    """The other three of the feed arrive."""
    with studio.session() as session:
        listing = session.list(studio.site.url("odd/feed-one-bad.rss"))
        results = []
        for entry in listing.entries:
            try:
                results.append(session.download(entry, workdir=studio.work).title)
            except Missing:
                results.append("missing")
    assert results == ["missing", "Test clip 3", "Test clip 2: “Ü & <b>”", "Test clip 1"]
