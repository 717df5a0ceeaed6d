"""Every exception of yt-dlp has one of our meanings."""

from __future__ import annotations

import errno
import importlib
import inspect
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from yt_dlp.networking import exceptions as net
from yt_dlp.networking.common import Response
from yt_dlp.utils import DownloadError, ExtractorError, PostProcessingError, YoutubeDLError, _utils

from vidra.clock import ManualClock
from vidra.errors import (
    Cancelled,
    DiskFull,
    ExtractorBroken,
    MediaError,
    Missing,
    PostprocessingFailed,
    Refused,
    SlowDown,
    TryLater,
    UrlRefused,
    VidraError,
)
from vidra.media.failures import Phase, Situation, classify, retry_after

SITUATION = Situation(url="https://example.com/watch", phase=Phase.DOWNLOADING, folder=Path("/work"))
EXTRACTING = Situation(url="https://example.com/watch")


def http_error(status: int, **headers: str) -> net.HTTPError:
    """Return an HTTP error as yt-dlp raises it."""
    response = Response(io.BytesIO(), url="https://example.com/file", headers=headers, status=status)
    return net.HTTPError(response)


MEANINGS: dict[str, tuple[Any, type[VidraError]]] = {
    "CertificateVerifyError": (lambda c: c("bad certificate"), Refused),
    "ContentTooShortError": (lambda c: c(1, 2), TryLater),
    "CookieLoadError": (lambda c: c("no cookies"), Refused),
    "DownloadCancelled": (lambda c: c(), Cancelled),
    "DownloadError": (lambda c: c("something odd"), MediaError),
    "EntryNotInPlaylist": (lambda c: c(), Missing),
    "ExistingVideoReached": (lambda c: c(), MediaError),
    "ExtractorError": (lambda c: c("crash"), ExtractorBroken),
    "FFmpegPostProcessorError": (lambda c: c("ffmpeg gave up"), PostprocessingFailed),
    "GeoRestrictedError": (lambda c: c("not in your country"), Refused),
    "HTTPError": (lambda _: http_error(503), TryLater),
    "IncompleteRead": (lambda c: c(partial=3, expected=5), TryLater),
    "LockingUnsupportedError": (lambda c: c(), MediaError),
    "MaxDownloadsReached": (lambda c: c(), MediaError),
    "NoSupportingHandlers": (lambda c: c([], []), UrlRefused),
    "ParserError": (lambda c: c("odd cookie file"), Refused),
    "PostProcessingError": (lambda c: c("no"), PostprocessingFailed),
    "ProxyError": (lambda c: c("proxy"), Refused),
    "ReExtractInfo": (lambda c: c("again"), TryLater),
    "RegexNotFoundError": (lambda c: c("no match"), ExtractorBroken),
    "RejectedVideoReached": (lambda c: c(), MediaError),
    "RequestError": (lambda c: c("odd request"), UrlRefused),
    "SSLError": (lambda c: c("handshake"), TryLater),
    "SameFileError": (lambda c: c("x"), MediaError),
    "ThrottledDownload": (lambda c: c(), TryLater),
    "TransportError": (lambda c: c("reset"), TryLater),
    "UnavailableVideoError": (lambda c: c("gone"), MediaError),
    "UnsafeExecExpansionError": (lambda c: c("x"), MediaError),
    "UnsupportedError": (lambda c: c("https://example.com"), Missing),
    "UnsupportedRequest": (lambda c: c("ftp"), UrlRefused),
    "UserNotLive": (lambda c: c(), Missing),
    "XAttrMetadataError": (lambda c: c(code=1, msg="x"), PostprocessingFailed),
    "XAttrUnavailableError": (lambda c: c("x"), PostprocessingFailed),
    "YoutubeDLError": (lambda c: c("odd"), MediaError),
    "_UnsafeExtensionError": (lambda c: c("exe"), MediaError),
}
"""One line for each exception class that yt-dlp defines for its callers: how to make one, what it means."""


def exceptions_of_yt_dlp() -> Iterator[type[BaseException]]:
    """Yield the exception classes of the modules that a download passes through."""
    for name in ("utils._utils", "networking.exceptions", "cookies", "postprocessor.ffmpeg"):
        module = importlib.import_module(f"yt_dlp.{name}")
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if issubclass(kind, Exception) and kind.__module__ == module.__name__:
                yield kind


def test_every_exception_class_has_a_meaning() -> None:
    """A class that a new yt-dlp brings fails here until somebody decides what it means."""
    assert {kind.__name__ for kind in exceptions_of_yt_dlp()} - set(MEANINGS) == set()


@pytest.mark.parametrize("name", sorted(MEANINGS))
def test_the_class_is_translated(name: str) -> None:
    """Each class comes out as the meaning that is written down for it."""
    kinds = {kind.__name__: kind for kind in exceptions_of_yt_dlp()}
    make, expected = MEANINGS[name]
    assert type(classify(make(kinds.get(name)), SITUATION)) is expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        *[(status, Refused) for status in (401, 403, 407, 451)],
        *[(status, Missing) for status in (404, 410)],
        (429, SlowDown),
        *[(status, TryLater) for status in (408, 500, 502, 503, 504)],
        (418, MediaError),
    ],
)
def test_an_http_status_decides(status: int, expected: type[VidraError]) -> None:
    """Also through the layers yt-dlp wraps an error in."""
    inner = ExtractorError("Unable to download webpage", cause=http_error(status), expected=True)
    wrap: Any = DownloadError  # its own annotation is narrower than what yt-dlp hands it
    outer = wrap("ERROR: Unable to download webpage", (ExtractorError, inner, None))
    assert type(classify(outer, EXTRACTING)) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sign in to confirm you’re not a bot", SlowDown),
        ("Got HTTP Error 403 caused by Cloudflare anti-bot challenge", SlowDown),
        ("This video is private. Use --cookies", Refused),
        ("This video has been removed by the uploader", Missing),
        ("Join this channel to get access to members-only content", Refused),
        ("Requested format is not available", MediaError),
        ("The sky is green", MediaError),
    ],
)
def test_an_expected_message_is_read(text: str, expected: type[VidraError]) -> None:
    """Extractors say the reason in words only."""
    assert type(classify(ExtractorError(text, expected=True), EXTRACTING)) is expected


@pytest.mark.parametrize(
    "crash", [AttributeError("x"), KeyError("y"), TypeError("z"), RecursionError("deep")]
)
def test_a_raw_exception_while_extracting_is_a_broken_extractor(crash: Exception) -> None:
    """With the extractor's name, yt-dlp's version and its age."""
    situation = Situation(url="https://example.com", extractor="Example")
    meaning = classify(crash, situation)
    assert isinstance(meaning, ExtractorBroken)
    assert (meaning.extractor, bool(meaning.version)) == ("Example", True)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_never_retried(code: int) -> None:
    """An OSError inside yt-dlp's own wrapper still means DiskFull."""
    wrapped = _utils.UnavailableVideoError("unable to write")
    wrapped.__cause__ = OSError(code, "No space left on device")
    assert type(classify(wrapped, SITUATION)) is DiskFull


def test_ffmpeg_on_a_full_disk_is_disk_full() -> None:
    """Ffmpeg says it in words."""
    assert type(classify(PostProcessingError("av_write: No space left on device"), SITUATION)) is DiskFull


def test_a_stop_beats_every_other_meaning() -> None:
    """What a stop broke is no failure."""
    situation = Situation(url="https://example.com", stopped="paused")
    meaning = classify(net.TransportError("shut down"), situation)
    assert isinstance(meaning, Cancelled)
    assert meaning.reason == "paused"


def test_secrets_do_not_reach_the_message() -> None:
    """A password in a URL of the message is masked."""
    text = str(
        classify(YoutubeDLError("cannot read https://me:hunter22@example.com/x?token=abcdef"), EXTRACTING)
    )
    assert "hunter22" not in text
    assert "abcdef" not in text


@pytest.mark.parametrize("value", ["120", "date"])
def test_retry_after_is_a_number_or_a_date(value: str) -> None:
    """Both forms give seconds from now."""
    clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    text = format_datetime(datetime(2026, 1, 1, 0, 2, tzinfo=UTC), usegmt=True) if value == "date" else value
    assert retry_after({"Retry-After": text}, clock) == 120.0


def test_nonsense_in_retry_after_is_no_wish() -> None:
    """A header nobody can read does not make us wait."""
    assert retry_after({"Retry-After": "soon"}) is None
    assert retry_after({}) is None
