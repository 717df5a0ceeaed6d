"""Plex JSON into our values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr

from vidra.redaction import register_secret
from vidra.servers.fields import Fields, epoch, flag, integer, number, objects, text
from vidra.servers.interface import (
    Address,
    Credit,
    Item,
    ItemKind,
    Markers,
    MediaFile,
    Row,
    RowKind,
    Score,
    Section,
    SectionKind,
    ServerOffer,
    Span,
    WatchState,
)

TYPES: Final = {
    ItemKind.MOVIE: 1,
    ItemKind.SHOW: 2,
    ItemKind.SEASON: 3,
    ItemKind.EPISODE: 4,
    ItemKind.ARTIST: 8,
    ItemKind.ALBUM: 9,
    ItemKind.TRACK: 10,
    ItemKind.PHOTO: 13,
    ItemKind.VIDEO: 12,
    ItemKind.PLAYLIST: 15,
    ItemKind.COLLECTION: 18,
}
"""Plex's metadata type numbers (API description, schema `MediaType`)."""

_SECTIONS: Final = {
    "movie": SectionKind.MOVIES,
    "show": SectionKind.SHOWS,
    "artist": SectionKind.MUSIC,
    "photo": SectionKind.PHOTOS,
}
_KINDS: Final = {
    "movie": ItemKind.MOVIE,
    "show": ItemKind.SHOW,
    "season": ItemKind.SEASON,
    "episode": ItemKind.EPISODE,
    "clip": ItemKind.VIDEO,
    "video": ItemKind.VIDEO,
    "artist": ItemKind.ARTIST,
    "album": ItemKind.ALBUM,
    "track": ItemKind.TRACK,
    "photo": ItemKind.PHOTO,
    "collection": ItemKind.COLLECTION,
    "playlist": ItemKind.PLAYLIST,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Place:
    """Under which names an item says where it belongs."""

    holder: str
    title: str
    group: str | None = None
    numbered: bool = False
    of_show: bool = False


_PLACED: Final = {
    ItemKind.SEASON: _Place(holder="parentRatingKey", title="parentTitle", group="index", of_show=True),
    ItemKind.EPISODE: _Place(
        holder="grandparentRatingKey",
        title="grandparentTitle",
        group="parentIndex",
        numbered=True,
        of_show=True,
    ),
    ItemKind.ALBUM: _Place(holder="parentRatingKey", title="parentTitle"),
    ItemKind.TRACK: _Place(
        holder="grandparentRatingKey", title="grandparentTitle", group="parentIndex", numbered=True
    ),
}
_JOBS: Final = {"Role": "actor", "Director": "director", "Writer": "writer"}


def section(fields: Fields) -> Section | None:
    """Return a library section, or None for an entry without a key."""
    key = text(fields, "key")
    if key is None:
        return None
    return Section(
        id=key,
        title=text(fields, "title") or key,
        kind=_SECTIONS.get(text(fields, "type") or "", SectionKind.MIXED),
        locations=tuple(path for entry in objects(fields, "Location") if (path := text(entry, "path"))),
    )


def item(fields: Fields) -> Item | None:
    """Return an item, or None for a kind we do not know or an entry without a key."""
    key, kind = text(fields, "ratingKey"), _KINDS.get(text(fields, "type") or "")
    if key is None or kind is None:
        return None
    placed = _PLACED.get(kind)
    return Item(
        id=key,
        kind=kind,
        title=text(fields, "title") or "",
        section_id=text(fields, "librarySectionID"),
        original_title=text(fields, "originalTitle"),
        sort_title=text(fields, "titleSort"),
        summary=text(fields, "summary"),
        year=integer(fields, "year"),
        released=text(fields, "originallyAvailableAt"),
        duration_ms=integer(fields, "duration"),
        rating=_rating(fields),
        scores=_scores(fields),
        user_rating=number(fields, "userRating"),
        content_rating=text(fields, "contentRating"),
        genres=tuple(tag for entry in objects(fields, "Genre") if (tag := text(entry, "tag"))),
        guids=_guids(fields),
        credits=_credits(fields),
        added_at=epoch(fields, "addedAt"),
        updated_at=epoch(fields, "updatedAt"),
        parent_id=text(fields, "parentRatingKey"),
        show_id=text(fields, placed.holder) if placed and placed.of_show else None,
        show_title=text(fields, placed.title) if placed else None,
        season_number=integer(fields, placed.group) if placed and placed.group else None,
        episode_number=integer(fields, "index") if placed and placed.numbered else None,
        child_count=integer(fields, "leafCount") or integer(fields, "childCount"),
        watched_count=integer(fields, "viewedLeafCount"),
        watch=watch_state(fields),
        thumb=text(fields, "thumb") or text(fields, "composite"),
        art=text(fields, "art"),
        files=_files(fields),
    )


def watch_state(fields: Fields) -> WatchState:
    """Return how far the token's user has watched; a show is watched when all its leaves are."""
    count, leaves, seen = (
        integer(fields, "viewCount") or 0,
        integer(fields, "leafCount"),
        integer(fields, "viewedLeafCount"),
    )
    watched = count > 0 if leaves is None else leaves > 0 and seen == leaves
    return WatchState(
        watched=watched,
        play_count=count,
        position_ms=integer(fields, "viewOffset") or 0,
        last_viewed_at=epoch(fields, "lastViewedAt"),
    )


def markers(fields: Fields) -> Markers:
    """Return intro and credits; markers of other types are ignored, the first of each type counts."""
    found: dict[str, Span] = {}
    for entry in objects(fields, "Marker"):
        start, end = integer(entry, "startTimeOffset"), integer(entry, "endTimeOffset")
        if start is not None and end is not None and start < end:
            found.setdefault(text(entry, "type") or "", Span(start_ms=start, end_ms=end))
    return Markers(intro=found.get("intro"), credits=found.get("credits"))


def row(fields: Fields) -> Row | None:
    """Return a hub as a row, or None if nothing in it can be shown."""
    items = tuple(
        entry for raw in objects(fields, "Metadata") if (entry := item(raw)) and entry.kind in _SHOWN
    )
    identifier = text(fields, "hubIdentifier")
    if not items or identifier is None:
        return None
    return Row(
        id=identifier, kind=row_kind(identifier), title=text(fields, "title") or identifier, items=items
    )


def row_kind(identifier: str) -> RowKind:
    """Return what a hub is for, told by its identifier."""
    name = identifier.lower()
    for part, kind in _ROWS:
        if part in name:
            return kind
    return RowKind.CUSTOM


_ROWS: Final = (
    ("continue", RowKind.CONTINUE_WATCHING),
    ("ondeck", RowKind.ON_DECK),
    ("playlists", RowKind.PLAYLISTS),
    ("recentlyviewed", RowKind.RECENTLY_VIEWED),
    ("recentlyplayed", RowKind.RECENTLY_VIEWED),
    ("recentlyadded", RowKind.RECENTLY_ADDED),
    (".recent", RowKind.RECENTLY_ADDED),
    ("toprated", RowKind.TOP_RATED),
    ("popular", RowKind.POPULAR),
    ("trending", RowKind.POPULAR),
)
_SHOWN: Final = frozenset(
    {ItemKind.MOVIE, ItemKind.SHOW, ItemKind.EPISODE, ItemKind.VIDEO, ItemKind.PLAYLIST}
)


def offer(fields: Fields) -> ServerOffer | None:
    """Return a server of the account's resource list, or None for players and entries without an id."""
    machine_id, token = text(fields, "clientIdentifier"), text(fields, "accessToken")
    if machine_id is None or token is None or "server" not in (text(fields, "provides") or "").split(","):
        return None
    register_secret(token)
    return ServerOffer(
        machine_id=machine_id,
        name=text(fields, "name") or machine_id,
        owned=flag(fields, "owned"),
        home=flag(fields, "home"),
        token=SecretStr(token),
        addresses=tuple(_addresses(fields)),
        version=text(fields, "productVersion"),
    )


def _addresses(fields: Fields) -> list[Address]:
    """Return the announced addresses, plain-IP https ones left out: no certificate covers them."""
    found = []
    for entry in objects(fields, "connections"):
        uri = text(entry, "uri")
        if uri and not _is_bare_https(uri, text(entry, "address")):
            found.append(Address(uri=uri.rstrip("/"), local=flag(entry, "local"), relay=flag(entry, "relay")))
    return found


def _is_bare_https(uri: str, address: str | None) -> bool:
    host = f"[{address}]" if address and ":" in address else address
    return bool(host) and uri.startswith(f"https://{host}:")


def _rating(fields: Fields) -> float | None:
    value = number(fields, "rating")
    return number(fields, "audienceRating") if value is None else value


def _scores(fields: Fields) -> tuple[Score, ...]:
    """Return the scores: a list in answers about one item, single fields in listings."""
    if not any(name in fields for name in _RATED):
        return ()
    found = [
        Score(value=value, image=text(entry, "image") or "", kind=text(entry, "type") or "")
        for entry in objects(fields, "Rating")
        if (value := number(entry, "value")) is not None
    ]
    for name, kind in (("rating", "critic"), ("audienceRating", "audience")):
        value, image = number(fields, name), text(fields, f"{name}Image") or ""
        if value is None or (not image and kind == "critic"):
            continue
        votes = integer(fields, "imdbRatingCount") if image.startswith("imdb://") else None
        found.append(Score(value=value, image=image, kind=kind, votes=votes))
    return tuple(found)


_RATED: Final = ("Rating", "rating", "audienceRating")


def _guids(fields: Fields) -> tuple[str, ...]:
    return tuple(guid for entry in objects(fields, "Guid") if (guid := text(entry, "id")))


def _credits(fields: Fields) -> tuple[Credit, ...]:
    return tuple(
        Credit(name=name, job=job, role=text(entry, "role"))
        for source, job in _JOBS.items()
        if source in fields
        for entry in objects(fields, source)
        if (name := text(entry, "tag"))
    )


def _files(fields: Fields) -> tuple[MediaFile, ...]:
    if "Media" not in fields:
        return ()
    return tuple(_file(media, part) for media in objects(fields, "Media") for part in objects(media, "Part"))


def _file(media: Fields, part: Fields) -> MediaFile:
    return MediaFile(
        id=text(part, "id") or text(media, "id") or "",
        path=text(part, "file"),
        container=text(part, "container") or text(media, "container"),
        size=integer(part, "size"),
        bitrate_kbps=integer(media, "bitrate"),
        width=integer(media, "width"),
        height=integer(media, "height"),
        video_codec=text(media, "videoCodec"),
        audio_codec=text(media, "audioCodec"),
        stream_path=text(part, "key"),
    )
