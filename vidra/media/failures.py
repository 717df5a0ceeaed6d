"""Translates every exception of yt-dlp into one of our meanings; nothing of yt-dlp's leaves the room."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum, unique
from pathlib import Path
from typing import Any, Final

from yt_dlp.cookies import CookieLoadError, ParserError
from yt_dlp.networking import exceptions as net
from yt_dlp.utils import _utils as ydl

from vidra.clock import SYSTEM_CLOCK, Clock
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
from vidra.media.foreign import Foreign
from vidra.media.versions import yt_dlp_age_days, yt_dlp_version
from vidra.redaction import redact, redact_url

_ydl: Foreign = ydl  # some of its names are unknown to checkers

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_PASSING_STATUS: Final = frozenset({408, 423, 425})
_REFUSING_STATUS: Final = frozenset({401, 402, 403, 407, 451})
_GONE_STATUS: Final = frozenset({404, 410})

_WALL_TEXT = re.compile(r"(?i)not a (?:ro)?bot|anti-?bot|captcha|rate.?limit|too many requests")
"""How extractors say that the site takes us for a robot, or counts our requests."""
_BUSY_TEXT = re.compile(r"(?i)try again later|temporarily|giving up after|timed out")
_LOGIN_TEXT = re.compile(
    r"(?i)--cookies|log ?in|sign in|registered users|private|members?.only|subscri(?:be|ption)|purchase"
    r"|password|DRM|age.restricted|geo.?restrict|not available (?:in|from) your"
)
_GONE_TEXT = re.compile(
    r"(?i)unavailable|removed|deleted|does not exist|no longer|not found|terminated|no (?:video|media)"
    r"|not available"
)
_EXHAUSTED = re.compile(r"\[download\] Got error: ")
"""How yt-dlp begins its message when a connection broke more often than it may retry."""
_FORMAT_TEXT = re.compile(r"(?i)requested format is not available")
_FULL_TEXT = re.compile(r"(?i)no space left on device|disk quota exceeded")
_NOISE = re.compile(
    r"^(?:ERROR: )?(?:\r\[download\] Got error: )?|(?:; please report this issue on .*)$", re.DOTALL
)


@unique
class Phase(StrEnum):
    """What yt-dlp was doing."""

    EXTRACTING = "extracting"
    DOWNLOADING = "downloading"


@dataclass(frozen=True, kw_only=True, slots=True)
class Situation:
    """What is known about the moment of a failure, besides the exception."""

    url: str
    phase: Phase = Phase.EXTRACTING
    extractor: str | None = None
    folder: Path = field(default_factory=Path)
    """Where files were being written."""
    stopped: str | None = None
    """The reason, when somebody had asked to stop."""
    last_status: int | None = None
    """HTTP status of the last refused request of a file or fragment."""
    clock: Clock = SYSTEM_CLOCK


def classify(error: BaseException, situation: Situation) -> VidraError:
    """Return what the exception means; the caller raises it `from` the exception."""
    if situation.stopped is not None:
        return Cancelled(situation.stopped)
    chain = list(_chain(error))
    for link in chain:
        meaning = _meaning_of(link, situation)
        if meaning is not None:
            return meaning
    text = _text(error)
    if situation.last_status is None and _EXHAUSTED.search(str(error)):
        return TryLater(text, url=redact_url(situation.url))
    if isinstance(error, ydl.YoutubeDLError) or situation.phase is Phase.DOWNLOADING:
        return _by_text(text, situation) or MediaError(text)
    return _broken(error, situation)


def retry_after(headers: Foreign, clock: Clock = SYSTEM_CLOCK) -> float | None:
    """Return the seconds that a `Retry-After` header asks for, as number or date; None without one."""
    value = str(headers.get("Retry-After") or "").strip()
    if value.isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - _now(clock)).total_seconds())


def by_status(status: int, message: str, *, url: str, after: float | None = None) -> VidraError:
    """Return what an HTTP status means."""
    shown = redact_url(url)
    if status == 429:
        return SlowDown(message, url=shown, status=status, retry_after=after)
    if status >= 500 or status in _PASSING_STATUS:
        return TryLater(message, url=shown, status=status, retry_after=after)
    if status in _REFUSING_STATUS:
        return Refused(message, url=shown, status=status)
    if status in _GONE_STATUS:
        return Missing(message, url=shown, status=status)
    return MediaError(message)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the exception and everything it stands for: yt-dlp wraps in three different ways."""
    seen: set[int] = set()
    waiting: list[Any] = [error]
    while waiting:
        link = waiting.pop(0)
        if not isinstance(link, BaseException) or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        wrapped = (getattr(link, "exc_info", None) or (None, None))[1]
        waiting += [wrapped, getattr(link, "cause", None), link.__cause__]


def _meaning_of(link: BaseException, situation: Situation) -> VidraError | None:
    """Return what one exception of the chain means; None if the next one must tell."""
    match link:
        case VidraError():
            return link
        case net.RequestError():
            return _request_error(link, situation)
        case ydl.ExtractorError():
            return _extractor_error(link, situation)
        case ydl.PostProcessingError():
            return _postprocessing_error(link, situation)
        case OSError():
            return _os_error(link, situation)
        case ydl.YoutubeDLError() | ParserError() | ydl._UnsafeExtensionError():  # noqa: SLF001 - yt-dlp exports it under no other name
            return _other_error(link, situation)
        case _:
            return None


def _request_error(error: Foreign, situation: Situation) -> VidraError | None:
    if isinstance(error.cause, VidraError):
        return error.cause
    text = _text(error)
    match error:
        case net.HTTPError():
            after = retry_after(error.response.headers, situation.clock)
            if error.response.headers.get("cf-mitigated") == "challenge":
                text = f"an anti-bot challenge instead of the page: {text}"
                return SlowDown(text, url=redact_url(situation.url), status=error.status, retry_after=after)
            return by_status(error.status, text, url=error.response.url or situation.url, after=after)
        case net.CertificateVerifyError() | net.ProxyError():
            return Refused(text, url=redact_url(situation.url))
        case net.TransportError():
            return TryLater(text, url=redact_url(situation.url))
        case _:  # no handler for this scheme or extension
            return UrlRefused(redact_url(situation.url), text)


def _extractor_error(error: Foreign, situation: Situation) -> VidraError | None:
    if isinstance(error.cause, (net.RequestError, OSError, VidraError)):
        return None
    text, url = _text(error), redact_url(situation.url)
    match error:
        case ydl.UnsupportedError():
            return Missing(f"no media found at this address: {url}", url=url)
        case ydl.GeoRestrictedError():
            return Refused(text, url=url)
        case ydl.UserNotLive():
            return Missing(text, url=url)
        case _ if error.expected:
            return _by_text(text, situation) or MediaError(text)
        case _:
            return _broken(error.cause or error, situation, extractor=error.ie)


def _postprocessing_error(error: Foreign, situation: Situation) -> VidraError:
    text = _text(error)
    if _FULL_TEXT.search(text):
        return DiskFull(situation.folder, needed=None, free=None)
    return PostprocessingFailed(text)


def _os_error(error: OSError, situation: Situation) -> VidraError | None:
    if error.errno in _NO_ROOM:
        return DiskFull(situation.folder, needed=None, free=None)
    if isinstance(error, (ConnectionError, TimeoutError)):
        return TryLater(_text(error), url=redact_url(situation.url))
    return MediaError(_text(error))


def _other_error(error: Foreign, situation: Situation) -> VidraError | None:
    text, url = _text(error), redact_url(situation.url)
    match error:
        case ydl.ContentTooShortError() | ydl.ThrottledDownload() | ydl.ReExtractInfo():
            return TryLater(text or "the download was cut short", url=url)
        case ydl.ExistingVideoReached() | ydl.RejectedVideoReached() | ydl.MaxDownloadsReached():
            return MediaError(f"left out by the job's own filters: {text}")
        case ydl.DownloadCancelled():
            return Cancelled(text)
        case ydl.EntryNotInPlaylist():
            return Missing(text, url=url)
        case ydl.XAttrMetadataError() | ydl.XAttrUnavailableError():
            return PostprocessingFailed(text)
        case CookieLoadError() | ParserError():
            return Refused(text, url=url)
        case ydl.SameFileError() | _ydl.UnsafeExecExpansionError() | ydl._UnsafeExtensionError():  # noqa: SLF001 - as above
            return MediaError(text)
        case _:  # DownloadError, UnavailableVideoError: wrappers whose text decides when nothing inside did
            return None


def _by_text(text: str, situation: Situation) -> VidraError | None:
    """Read a message meant for people, for want of anything better."""
    url, status = redact_url(situation.url), situation.last_status
    if status is not None and situation.phase is Phase.DOWNLOADING:
        return by_status(status, text, url=situation.url)
    if _FULL_TEXT.search(text):
        return DiskFull(situation.folder, needed=None, free=None)
    if _FORMAT_TEXT.search(text):
        return MediaError(f"{text}; `format` asks for something this item does not have")
    if _WALL_TEXT.search(text):
        return SlowDown(text, url=url, status=status)
    if _BUSY_TEXT.search(text):
        return TryLater(text, url=url)
    if _LOGIN_TEXT.search(text):
        return Refused(text, url=url)
    return Missing(text, url=url) if _GONE_TEXT.search(text) else None


def _broken(error: BaseException, situation: Situation, *, extractor: str | None = None) -> ExtractorBroken:
    return ExtractorBroken(
        extractor or situation.extractor or "unknown",
        f"{type(error).__name__}: {_text(error)}",
        version=yt_dlp_version(),
        age_days=yt_dlp_age_days(situation.clock),
    )


def _text(error: BaseException) -> str:
    """Return the message without yt-dlp's colour codes, prefixes and advice to report the bug there."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", str(getattr(error, "orig_msg", None) or error))
    return redact(_NOISE.sub("", plain).strip()) or type(error).__name__


def _now(clock: Clock) -> datetime:
    return clock.now()
