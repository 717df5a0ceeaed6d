"""The preview object of the contract (section 4.7): what is known about a job's content."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import urlsplit

from vidra.api.client.values import duration_text, moment, shortened, text, whole, without_empties
from vidra.api.client.view import JobView
from vidra.media.interface import Listing
from vidra.state.interface import Entry, JobKind

_PEOPLE: Final = (
    "uploader", "uploader_id", "uploader_url", "channel", "channel_id", "channel_url", "availability",
    "live_status",
)  # fmt: skip


def preview_object(view: JobView) -> dict[str, Any]:
    """Return what is known of the job's content; empty before it was identified."""
    job, known = view.job, view.job.metadata
    if job.kind is JobKind.UNKNOWN or not known:
        return {}
    fields = {
        "title": text(known.get("title")),
        "description": shortened(known.get("description")),
        **_addresses(text(known.get("webpage_url")), job.urls[0]),
        **_picture(text(known.get("thumbnail_url"))),
        **{name: text(known.get(name)) for name in _PEOPLE},
        **_of_item(view),
        "is_playlist": view.is_list,
        "collected_at": moment(known.get("preview_collected_at")) or job.started_at,
    }
    if view.is_list:
        fields |= {
            "playlist_id": text(known.get("playlist_id")),
            "playlist_title": text(known.get("playlist_title")),
            "playlist_uploader": text(known.get("uploader")),
            "playlist_entry_count": whole(known.get("playlist_entry_count")),
        }
    return without_empties(fields)


def preview_of(listing: Listing, url: str) -> dict[str, Any]:
    """Return the preview of an address that no job was made of."""
    source = listing if listing.is_playlist or not listing.entries else listing.entries[0]
    best = source.thumbnails[-1].url if source.thumbnails else None
    fields: dict[str, Any] = {
        "title": source.title,
        "description": shortened(source.description),
        **_addresses(source.url, url),
        **_picture(best),
        **{name: text(getattr(source, name, None)) for name in _PEOPLE},
        "extractor": source.extractor,
        "entry_id": source.id,
        "tags": list(source.tags),
        "is_playlist": listing.is_playlist,
    }
    if listing.is_playlist:
        fields |= {"playlist_id": listing.id, "playlist_title": listing.title}
        fields["playlist_entry_count"] = len(listing.entries)
    elif listing.entries:
        only = listing.entries[0]
        fields |= {"duration_seconds": whole(only.duration), "duration_text": duration_text(only.duration)}
        fields |= {"view_count": only.view_count, "like_count": only.like_count}
        fields["upload_date_iso"] = only.upload_date
    return without_empties(fields)


def _addresses(page: str | None, asked: str) -> dict[str, Any]:
    page = page or asked
    parts = urlsplit(page)
    return {
        "webpage_url": page,
        "original_url": asked,
        "webpage_url_basename": PurePosixPath(parts.path).name or None,
        "webpage_url_domain": parts.hostname,
    }


def _picture(url: str | None) -> dict[str, Any]:
    return {"thumbnail_url": url, "thumbnails": [{"url": url}]} if url else {}


def _of_item(view: JobView) -> dict[str, Any]:
    """Return what only a single item has; the same whether or not its entry was looked at."""
    if view.is_list:
        return {}
    known = view.job.metadata.get("item")
    facts = known if isinstance(known, Mapping) else _of_entry(view.entries[0]) if view.entries else {}
    return {
        "duration_seconds": whole(facts.get("duration")),
        "duration_text": duration_text(facts.get("duration")),
        "upload_date_iso": text(facts.get("upload_date")),
        "extractor": text(facts.get("extractor")),
        "entry_id": text(facts.get("entry_id")),
        "view_count": whole(facts.get("view_count")),
        "like_count": whole(facts.get("like_count")),
    }


def _of_entry(entry: Entry) -> Mapping[str, Any]:
    """Return the facts of a job that was stored before they were kept with it."""
    return {**entry.extra, "duration": entry.duration, "entry_id": entry.entry_id}
