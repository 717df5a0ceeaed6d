"""Jellyfin JSON into our values. Times are ticks of 100 ns there."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from vidra.servers.fields import Fields, flag, instant, integer, number, objects, text, texts
from vidra.servers.interface import (
    Conversion,
    Credit,
    Item,
    ItemKind,
    Markers,
    MediaFile,
    Score,
    Section,
    SectionKind,
    Span,
    WatchState,
)

TICKS_PER_MS: Final = 10_000
TYPES: Final = {
    ItemKind.MOVIE: "Movie",
    ItemKind.SHOW: "Series",
    ItemKind.SEASON: "Season",
    ItemKind.EPISODE: "Episode",
    ItemKind.VIDEO: "Video",
    ItemKind.ARTIST: "MusicArtist",
    ItemKind.ALBUM: "MusicAlbum",
    ItemKind.TRACK: "Audio",
    ItemKind.PHOTO: "Photo",
    ItemKind.COLLECTION: "BoxSet",
    ItemKind.PLAYLIST: "Playlist",
}
"""`BaseItemKind` of the API description."""

_KINDS: Final = {name: kind for kind, name in TYPES.items()} | {
    "MusicVideo": ItemKind.VIDEO,
    "Trailer": ItemKind.VIDEO,
}
_SECTIONS: Final = {
    "movies": SectionKind.MOVIES,
    "tvshows": SectionKind.SHOWS,
    "music": SectionKind.MUSIC,
    "homevideos": SectionKind.PHOTOS,
    "photos": SectionKind.PHOTOS,
}
_JOBS: Final = {"Actor": "actor", "GuestStar": "actor", "Director": "director", "Writer": "writer"}
_MARKERS: Final = {"Intro": "intro", "Outro": "credits"}


def section(fields: Fields) -> Section | None:
    """Return a library, or None for an entry without an id."""
    key = text(fields, "Id")
    if key is None:
        return None
    kind = _SECTIONS.get(text(fields, "CollectionType") or "", SectionKind.MIXED)
    return Section(id=key, title=text(fields, "Name") or key, kind=kind)


def item(fields: Fields, section_id: str | None = None) -> Item | None:
    """Return an item, or None for a kind we do not know or an entry without an id."""
    key, kind = text(fields, "Id"), _KINDS.get(text(fields, "Type") or "")
    if key is None or kind is None:
        return None
    episode, season = kind is ItemKind.EPISODE, kind is ItemKind.SEASON
    track = kind is ItemKind.TRACK
    children = integer(fields, "RecursiveItemCount") or integer(fields, "ChildCount")
    user_data = _user_data(fields)
    unplayed = integer(user_data, "UnplayedItemCount")
    return Item(
        id=key,
        kind=kind,
        title=text(fields, "Name") or "",
        section_id=section_id,
        original_title=text(fields, "OriginalTitle"),
        sort_title=text(fields, "SortName"),
        summary=text(fields, "Overview"),
        year=integer(fields, "ProductionYear"),
        released=(text(fields, "PremiereDate") or "")[:10] or None,
        duration_ms=_milliseconds(fields, "RunTimeTicks"),
        rating=number(fields, "CommunityRating"),
        scores=_scores(fields),
        user_rating=number(user_data, "Rating"),
        content_rating=text(fields, "OfficialRating"),
        genres=texts(fields, "Genres"),
        guids=_guids(fields),
        credits=_credits(fields),
        added_at=instant(fields, "DateCreated"),
        updated_at=instant(fields, "DateLastSaved"),
        parent_id=_parent(fields, kind),
        show_id=text(fields, "SeriesId"),
        show_title=text(fields, "SeriesName") or text(fields, "AlbumArtist"),
        season_number=integer(fields, "IndexNumber" if season else "ParentIndexNumber")
        if episode or season or track
        else None,
        episode_number=integer(fields, "IndexNumber") if episode or track else None,
        child_count=children,
        watched_count=None if children is None or unplayed is None else max(0, children - unplayed),
        watch=watch_state(fields),
        thumb=_thumb(fields, key),
        art=_art(fields, key),
        files=_files(fields, key),
    )


def watch_state(fields: Fields) -> WatchState:
    """Return how far the user has watched, to the millisecond."""
    data = _user_data(fields)
    return WatchState(
        watched=flag(data, "Played"),
        play_count=integer(data, "PlayCount") or 0,
        position_ms=_milliseconds(data, "PlaybackPositionTicks") or 0,
        last_viewed_at=instant(data, "LastPlayedDate"),
    )


def markers(fields: Fields) -> Markers:
    """Return intro and credits of a list of media segments; other types are ignored."""
    found: dict[str, Span] = {}
    for entry in objects(fields, "Items"):
        start, end = _milliseconds(entry, "StartTicks"), _milliseconds(entry, "EndTicks")
        name = _MARKERS.get(text(entry, "Type") or "")
        if name is not None and start is not None and end is not None and start < end:
            found.setdefault(name, Span(start_ms=start, end_ms=end))
    return Markers(intro=found.get("intro"), credits=found.get("credits"))


def _user_data(fields: Fields) -> Fields:
    data = fields.get("UserData")
    return data if isinstance(data, dict) else {}


def _milliseconds(fields: Fields, name: str) -> int | None:
    ticks = integer(fields, name)
    return None if ticks is None else ticks // TICKS_PER_MS


def _scores(fields: Fields) -> tuple[Score, ...]:
    """Return the critics' score, which Jellyfin has from Rotten Tomatoes in per cent."""
    critics = number(fields, "CriticRating")
    return () if critics is None else (Score(value=critics / 10, image="rottentomatoes://", kind="critic"),)


def _guids(fields: Fields) -> tuple[str, ...]:
    ids = fields.get("ProviderIds")
    pairs = ids.items() if isinstance(ids, dict) else ()
    return tuple(f"{name.lower()}://{value}" for name, value in pairs if isinstance(value, str) and value)


def _credits(fields: Fields) -> tuple[Credit, ...]:
    return tuple(
        Credit(name=name, job=job, role=text(entry, "Role"))
        for entry in objects(fields, "People")
        if (name := text(entry, "Name")) and (job := _JOBS.get(text(entry, "Type") or ""))
    )


def converted_path(item_id: str, wanted: Conversion, *, device: str) -> str:
    """Return path and query of the playlist under which the server converts an item."""
    query: dict[str, str | int] = {
        "mediaSourceId": item_id,
        "playSessionId": wanted.session,
        "deviceId": device,
        "videoCodec": "h264",
        "audioCodec": "aac",
        "segmentContainer": "ts",
        "transcodingMaxAudioChannels": 2,
        "context": "Streaming",
    }
    query |= {} if wanted.height is None else {"maxHeight": wanted.height}
    query |= {} if wanted.bitrate_kbps is None else {"videoBitRate": wanted.bitrate_kbps * 1000}
    return f"/Videos/{item_id}/main.m3u8?{urlencode(query)}"


def _parent(fields: Fields, kind: ItemKind) -> str | None:
    if kind is ItemKind.ALBUM:
        return next((found for one in objects(fields, "AlbumArtists") if (found := text(one, "Id"))), None)
    if kind is ItemKind.EPISODE:
        return text(fields, "SeasonId")
    return text(fields, "SeriesId") or text(fields, "AlbumId")


def _thumb(fields: Fields, key: str) -> str | None:
    tags = fields.get("ImageTags")
    tag = text(tags, "Primary") if isinstance(tags, dict) else None
    return None if tag is None else f"/Items/{key}/Images/Primary?tag={tag}"


def _art(fields: Fields, key: str) -> str | None:
    tags = texts(fields, "BackdropImageTags")
    return f"/Items/{key}/Images/Backdrop?tag={tags[0]}" if tags else None


def _files(fields: Fields, key: str) -> tuple[MediaFile, ...]:
    """Return the versions; a listing only tells the path of the first."""
    sources = tuple(_file(source, key) for source in objects(fields, "MediaSources"))
    path = text(fields, "Path")
    return sources or (() if path is None else (MediaFile(id=key, path=path),))


def _file(source: Fields, key: str) -> MediaFile:
    video: Fields = next((s for s in objects(source, "MediaStreams") if s.get("Type") == "Video"), {})
    audio: Fields = next((s for s in objects(source, "MediaStreams") if s.get("Type") == "Audio"), {})
    number_of_bits = integer(source, "Bitrate")
    identifier = text(source, "Id") or key
    return MediaFile(
        id=identifier,
        path=text(source, "Path"),
        container=text(source, "Container"),
        size=integer(source, "Size"),
        bitrate_kbps=None if number_of_bits is None else number_of_bits // 1000,
        width=integer(video, "Width"),
        height=integer(video, "Height"),
        video_codec=text(video, "Codec"),
        audio_codec=text(audio, "Codec"),
        stream_path=f"/Videos/{key}/stream?static=true&mediaSourceId={identifier}",
    )
