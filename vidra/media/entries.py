"""Turns yt-dlp's info dicts into our value types, and gives every entry a key that stays the same."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urldefrag

from yt_dlp.utils import make_archive_id, unsmuggle_url

from vidra.media.foreign import Foreign
from vidra.media.interface import Listing, MediaEntry, Thumbnail

_ANY_SITE: Final = frozenset({"generic", "html5", "html5mediaembed"})
"""Extractors whose ids are taken from the address and mean nothing outside their page."""

_make_archive_id: Foreign = make_archive_id
_UNAVAILABLE = re.compile(r"^\[(?:private|deleted|unavailable) (?:video|track)\]$", re.IGNORECASE)
_LONGEST_TEXT: Final = 5000
_MOST_THUMBNAILS: Final = 12


def to_entry(
    info: Mapping[str, Any],
    *,
    index: int | None = None,
    listed_at: str | None = None,
    asked: str | None = None,
) -> MediaEntry:
    """Return the entry an info dict describes.

    `listed_at` is the address of the list it stands in; `asked` the address that was asked for when it
    stands in none.
    """
    raw_url, identity = _address(info, asked)
    extractor = _extractor(info)
    video_id = str(info.get("id") or identity or "") or None
    key, archive_key = _keys(extractor, video_id, raw_url, identity, listed_at)
    title = _text(info.get("title"))
    return MediaEntry(
        key=key,
        archive_key=archive_key if archive_key != key else None,
        url=raw_url,
        index=index,
        id=video_id,
        title=title,
        duration=_number(info.get("duration")),
        upload_date=_date(info),
        extractor=extractor,
        tags=tuple(str(tag) for tag in info.get("tags") or ()),
        thumbnails=to_thumbnails(info),
        view_count=_count(info.get("view_count")),
        like_count=_count(info.get("like_count")),
        error=title if title and _UNAVAILABLE.match(title) else None,
        live_status=_text(info.get("live_status")),
        **_people(info),
    )


def failed_entry(index: int, *, url: str, reason: str) -> MediaEntry:
    """Return an entry that stands for one the listing could not read."""
    digest = _digest(f"{url}\n{index}")
    return MediaEntry(key=f"unknown {digest}", url=url, index=index, error=reason)


def to_listing(info: Mapping[str, Any], entries: tuple[MediaEntry, ...], *, url: str) -> Listing:
    """Return the list an info dict describes, with these entries."""
    return Listing(
        url=url,
        is_playlist=True,
        entries=entries,
        id=_text(info.get("id")),
        title=_text(info.get("title")),
        extractor=_extractor(info),
        thumbnails=to_thumbnails(info),
        tags=tuple(str(tag) for tag in info.get("tags") or ()),
        **_people(info),
    )


def what_the_link_says(info: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a transparent link knows better than the page it leads to; nothing for a plain link."""
    if info.get("_type") != "url_transparent":
        return {}
    own = {"_type", "url", "id", "extractor", "extractor_key", "ie_key", "formats"}
    return {name: value for name, value in info.items() if value is not None and name not in own}


def to_thumbnails(info: Mapping[str, Any]) -> tuple[Thumbnail, ...]:
    """Return the pictures offered, the best last as yt-dlp sorts them, web addresses only."""
    offered = info.get("thumbnails") or ([{"url": info["thumbnail"]}] if info.get("thumbnail") else [])
    pictures = [
        Thumbnail(
            url=str(picture["url"]),
            width=_count(picture.get("width")),
            height=_count(picture.get("height")),
            id=_text(picture.get("id")),
        )
        for picture in offered
        if str(picture.get("url", "")).startswith(("http://", "https://"))
    ]
    return tuple(pictures[-_MOST_THUMBNAILS:])


def stands_in_for_any_site(extractor: str | None) -> bool:
    """Whether this extractor reads pages of any site, so that a list knows more than the page does."""
    return extractor is None or extractor.lower() in _ANY_SITE


def _address(info: Mapping[str, Any], asked: str | None) -> tuple[str, str | None]:
    """Return the page address without smuggled data, and the id a feed smuggled in, if it did."""
    is_link = info.get("_type") in {"url", "url_transparent"}
    found = info.get("url") if is_link else asked or info.get("original_url") or info.get("webpage_url")
    url, smuggled = unsmuggle_url(str(found or asked or ""), {})
    return url, (smuggled or {}).get("force_videoid")


def _keys(
    extractor: str | None, video_id: str | None, url: str, feed_id: str | None, listed_at: str | None
) -> tuple[str, str | None]:
    """Return our key and yt-dlp's. A feed's own id survives a changing media address, so it goes first."""
    name = (extractor or "generic").lower()
    archive_key = _make_archive_id(name, video_id) if video_id else None
    if archive_key and not stands_in_for_any_site(extractor):
        return archive_key, archive_key
    place = (
        f"{listed_at}\n{feed_id}"
        if feed_id
        else f"{urldefrag(url).url}\n{video_id if extractor == 'html5' else ''}"
    )
    label = re.sub(r"\s+", "_", (video_id or "")[:80])
    digest = _digest(place)
    return f"{name} {label}-{digest}" if label else f"{name} {digest}", archive_key


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _extractor(info: Mapping[str, Any]) -> str | None:
    name = info.get("extractor_key") or info.get("ie_key") or info.get("extractor")
    return str(name).lower() if name else None


def _people(info: Mapping[str, Any]) -> dict[str, Any]:
    names = (
        "uploader", "uploader_id", "uploader_url", "channel", "channel_id", "channel_url", "availability",
        "description",
    )  # fmt: skip
    return {name: _text(info.get(name)) for name in names}


def _date(info: Mapping[str, Any]) -> str | None:
    moment = info.get("timestamp") or info.get("release_timestamp")
    if isinstance(moment, (int, float)):
        return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d")
    day = str(info.get("upload_date") or "")
    return f"{day[:4]}-{day[4:6]}-{day[6:8]}" if re.fullmatch(r"\d{8}", day) else None


def _text(value: object) -> str | None:
    return str(value)[:_LONGEST_TEXT] if value not in (None, "") else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None


def _count(value: object) -> int | None:
    return int(value) if isinstance(value, (int, float)) else None
