"""Translates between what the media room found and what the state room keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from vidra.media.interface import Listing, MediaEntry, Thumbnail
from vidra.state.interface import Entry, EntryStatus, Job

_KEPT = (
    "description", "uploader_id", "uploader_url", "channel_id", "channel_url", "upload_date", "availability",
    "live_status", "view_count", "like_count", "extractor", "archive_key",
)  # fmt: skip
"""Fields of a media entry that a stored entry holds in `extra`; the rest have fields of their own."""
_PICTURES, _TAGS = "playlist_pictures", "playlist_tags"
"""Facts of the list, in a job's metadata, that only its show's folder wants."""
_PLACE = "place"
"""Place in its list, in `extra` where it is not the record's own index."""
_ITEM = "item"
_ITEM_FACTS = ("duration", "upload_date", "extractor", "view_count", "like_count")


def stored_entries(listings: Sequence[Listing]) -> list[Entry]:
    """Return the entries of all listings, numbered through; the same key is kept once."""
    unique = {entry.key: entry for listing in listings for entry in listing.entries}
    return [stored_entry(entry, index) for index, entry in enumerate(unique.values(), start=1)]


def stored_entry(entry: MediaEntry, index: int) -> Entry:
    """Return the record of a media entry; one the listing could not read is failed from the start."""
    return Entry(
        index=index,
        entry_id=entry.id or entry.url,
        key=entry.key,
        url=entry.url,
        title=entry.title,
        status=EntryStatus.FAILED if entry.error else EntryStatus.PENDING,
        error=entry.error,
        duration=entry.duration,
        thumbnail_url=entry.thumbnails[-1].url if entry.thumbnails else None,
        uploader=entry.uploader,
        channel=entry.channel,
        extra={
            **{name: value for name in _KEPT if (value := getattr(entry, name)) is not None},
            **({_PLACE: entry.index} if entry.index not in {None, index} else {}),
        },
    )


def media_entry(entry: Entry) -> MediaEntry:
    """Return the media entry a record was made of, as far as the record kept it."""
    kept: dict[str, Any] = {name: entry.extra.get(name) for name in _KEPT}
    return MediaEntry(
        key=entry.key or f"unknown {entry.index}",
        url=entry.url,
        index=entry.extra.get(_PLACE, entry.index),
        id=entry.entry_id if entry.entry_id != entry.url else None,
        title=entry.title,
        duration=entry.duration,
        uploader=entry.uploader,
        channel=entry.channel,
        **kept,
    )


def job_metadata(listings: Sequence[Listing]) -> dict[str, Any]:
    """Return what is known about a job's content, by the client contract's names (section 4.4)."""
    first = listings[0]
    source = first if first.is_playlist or not first.entries else first.entries[0]
    count = sum(len(listing.entries) for listing in listings)
    thumbnails = source.thumbnails
    known = {
        "title": source.title,
        "description": source.description,
        "thumbnail_url": thumbnails[-1].url if thumbnails else None,
        "webpage_url": source.url,
        "is_playlist": is_playlist(listings),
        "playlist_id": first.id if first.is_playlist else None,
        "playlist_title": first.title if first.is_playlist else None,
        _PICTURES: _pictures_of(first) if first.is_playlist else None,
        _TAGS: list(first.tags) if first.is_playlist and first.tags else None,
        "playlist_entry_count": count if is_playlist(listings) else None,
        "uploader": source.uploader,
        "uploader_id": source.uploader_id,
        "uploader_url": source.uploader_url,
        "channel": source.channel,
        "channel_id": source.channel_id,
        "channel_url": source.channel_url,
        _ITEM: None if first.is_playlist or not first.entries else _item_facts(first.entries[0]),
    }
    return {name: value for name, value in known.items() if value is not None}


def _item_facts(entry: MediaEntry) -> dict[str, Any]:
    """Return what is known of a single item besides: with the job, whoever lists jobs has it at hand."""
    facts = {name: getattr(entry, name) for name in _ITEM_FACTS} | {"entry_id": entry.id or entry.url}
    return {name: value for name, value in facts.items() if value is not None}


def playlist_of(job: Job) -> Listing:
    """Return the list a job is about, without its entries: what templates need of it."""
    known = job.metadata
    return Listing(
        url=job.urls[0],
        is_playlist=True,
        entries=(),
        id=known.get("playlist_id"),
        title=known.get("playlist_title"),
        uploader=known.get("uploader"),
        uploader_id=known.get("uploader_id"),
        channel=known.get("channel"),
        channel_id=known.get("channel_id"),
        description=known.get("description"),
        thumbnails=tuple(Thumbnail(**picture) for picture in known.get(_PICTURES) or ()),
        tags=tuple(known.get(_TAGS) or ()),
    )


def _pictures_of(listing: Listing) -> list[dict[str, Any]] | None:
    """Return the pictures of a list as a record keeps them, the best last; None if there are none."""
    return [asdict(picture) for picture in listing.thumbnails] or None


def is_playlist(listings: Sequence[Listing]) -> bool:
    """Whether the job is about more than one item, or about a list however short."""
    return len(listings) > 1 or any(listing.is_playlist for listing in listings)
