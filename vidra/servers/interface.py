"""What a media server offers, and the values it answers with.

A server object is made for one operation and dropped; it keeps nothing but the HTTP pool it was
handed. Ids are the server's own: whoever stores items adds source and section to them. Positions and
lengths are milliseconds, instants are aware, artwork is a path on the server and never holds a token.

Errors of every method: `AuthRequired` (sign in again), `WrongServer`, other `Refused`, `Missing`, and
`TryLater` for everything that passes, with `retry_after` when the server said so.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum, unique
from typing import Protocol

from pydantic import SecretStr

from vidra.errors import Missing


@unique
class SourceType(StrEnum):
    """The kinds of sources there are."""

    PLEX = "plex"
    JELLYFIN = "jellyfin"
    LOCAL = "local"


@unique
class AuthStatus(StrEnum):
    """What is known about the credentials; a network error is no evidence against them."""

    AUTHENTICATED = "authenticated"
    AUTH_REQUIRED = "auth_required"
    UNKNOWN = "unknown"


@unique
class SectionKind(StrEnum):
    """What a library section holds."""

    MOVIES = "movies"
    SHOWS = "shows"
    MUSIC = "music"
    PHOTOS = "photos"
    PLAYLISTS = "playlists"
    MIXED = "mixed"


@unique
class ItemKind(StrEnum):
    """What one item is."""

    MOVIE = "movie"
    SHOW = "show"
    SEASON = "season"
    EPISODE = "episode"
    VIDEO = "video"
    """Home videos, clips, trailers."""
    ARTIST = "artist"
    ALBUM = "album"
    TRACK = "track"
    PHOTO = "photo"
    COLLECTION = "collection"
    PLAYLIST = "playlist"


@unique
class RowKind(StrEnum):
    """What a row of the home screen is for."""

    CONTINUE_WATCHING = "continue_watching"
    ON_DECK = "on_deck"
    RECENTLY_ADDED = "recently_added"
    RECENTLY_VIEWED = "recently_viewed"
    TOP_RATED = "top_rated"
    POPULAR = "popular"
    PLAYLISTS = "playlists"
    CUSTOM = "custom"


@unique
class PlaybackState(StrEnum):
    """What a player is doing."""

    PLAYING = "playing"
    PAUSED = "paused"
    BUFFERING = "buffering"
    STOPPED = "stopped"


@dataclass(frozen=True, kw_only=True, slots=True)
class ClientIdentity:
    """How we introduce ourselves; the identifier is random per installation and never changes."""

    identifier: str
    version: str
    product: str = "Vidra"
    device: str = "Vidra"
    platform: str = "Linux"


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """One address a server announces."""

    uri: str
    local: bool
    relay: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerOffer:
    """A server that an account may use, as discovery found it."""

    machine_id: str
    name: str
    owned: bool
    home: bool
    token: SecretStr
    """The token for this server, which for a shared one is not the account's."""
    addresses: tuple[Address, ...]
    version: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerInfo:
    """Who answers at an address, as it says without being shown credentials."""

    machine_id: str
    version: str | None = None
    name: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class User:
    """An account on a server or service."""

    id: str
    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SignedIn:
    """The result of a sign-in."""

    token: SecretStr
    user: User


@dataclass(frozen=True, kw_only=True, slots=True)
class Initialised:
    """The three-valued answer to "do the stored credentials work"; `detail` is fit to show."""

    status: AuthStatus
    user: User | None = None
    detail: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A library section; `locations` are folders as the server sees them."""

    id: str
    title: str
    kind: SectionKind
    locations: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class WatchState:
    """How far somebody has watched an item."""

    watched: bool = False
    play_count: int = 0
    position_ms: int = 0
    last_viewed_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Credit:
    """A person's part in an item; `job` is `actor`, `director` or `writer`."""

    name: str
    job: str
    role: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class MediaFile:
    """One playable version of an item; `path` is as the server sees it."""

    id: str
    path: str | None = None
    container: str | None = None
    size: int | None = None
    bitrate_kbps: int | None = None
    width: int | None = None
    height: int | None = None
    video_codec: str | None = None
    audio_codec: str | None = None
    stream_path: str | None = None
    """Where the server hands it out, relative to its base URL."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """What others think of an item, 0 to 10; `image` tells whose score it is (`imdb://…`), `kind` of whom."""

    value: float
    image: str = ""
    kind: str = ""
    """`critic` or `audience`, where the server says."""
    votes: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """A film, show, season, episode, track …; what the server did not say is None or empty."""

    id: str
    kind: ItemKind
    title: str
    section_id: str | None = None
    original_title: str | None = None
    sort_title: str | None = None
    summary: str | None = None
    year: int | None = None
    released: str | None = None
    """Release or air date, `YYYY-MM-DD`."""
    duration_ms: int | None = None
    rating: float | None = None
    """0 to 10, as the server shows it."""
    scores: tuple[Score, ...] = ()
    user_rating: float | None = None
    content_rating: str | None = None
    genres: tuple[str, ...] = ()
    guids: tuple[str, ...] = ()
    """External ids as `tmdb://603`, `imdb://tt0133093`, `tvdb://…`."""
    credits: tuple[Credit, ...] = ()
    added_at: datetime | None = None
    updated_at: datetime | None = None
    parent_id: str | None = None
    """Season of an episode, show of a season, album of a track, artist of an album."""
    show_id: str | None = None
    show_title: str | None = None
    """Of an album or track: the artist."""
    season_number: int | None = None
    """Of a track: the disc."""
    episode_number: int | None = None
    """Of a track: its place on the disc."""
    child_count: int | None = None
    """Episodes of a show or season, items of a collection."""
    watched_count: int | None = None
    watch: WatchState = field(default_factory=WatchState)
    thumb: str | None = None
    art: str | None = None
    files: tuple[MediaFile, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """Some items of a listing; `total` is what the server announced for all of it."""

    items: tuple[Item, ...]
    total: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A row of the home screen; never empty."""

    id: str
    kind: RowKind
    title: str
    items: tuple[Item, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """A stretch of an item, in milliseconds from its start."""

    start_ms: int
    end_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Markers:
    """Where intro and credits are, if the server knows."""

    intro: Span | None = None
    credits: Span | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Stream:
    """Where an item plays. The token travels in `headers`, never in the URL."""

    url: str
    headers: Mapping[str, SecretStr] = field(default_factory=dict)
    session: str | None = None
    """The server's play session; reports about this playback name it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Conversion:
    """What a player that cannot play the file itself asks for; `session` names this playback."""

    session: str
    bitrate_kbps: int | None = None
    height: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """A report about a playback; `at` is set for one that is delivered late."""

    item_id: str
    position_ms: int
    duration_ms: int
    state: PlaybackState
    session: str
    at: datetime | None = None


class Route(Protocol):
    """Which address of the server to use now; the connection keeper is one."""

    async def current(self) -> str:
        """Return the base URL to use; raise `TryLater` if the server is known to be offline."""
        ...

    async def failed(self, uri: str) -> str:
        """Return another base URL after that one failed; raise `TryLater` if there is none."""
        ...

    async def alive(self, uri: str, limit: float) -> bool:
        """Whether the server answers at that base URL within `limit` seconds."""
        ...


class MediaServer(ABC):
    """One configured source, for the length of one operation."""

    @abstractmethod
    async def initialise(self) -> Initialised:
        """Try the credentials. Never raises a `RemoteError`: unreachable is `UNKNOWN`."""

    @abstractmethod
    async def sections(self) -> Sequence[Section]:
        """Return the library sections."""

    def selections(self) -> Sequence[Section]:
        """Return sections that hold no files of their own, such as the playlists of a server."""
        return ()

    async def members(self, item_id: str, kind: ItemKind) -> Sequence[Item]:
        """Return what a collection or playlist is made of, in its order; empty for anything else."""
        del item_id, kind
        return ()

    @abstractmethod
    def items(
        self, section: Section, kind: ItemKind, *, changed_since: datetime | None = None, page_size: int = 200
    ) -> AsyncGenerator[Page, None]:
        """Yield the section's items of one kind, page by page, no item twice.

        Ends at the announced total or at an empty page. With `changed_since`, only items whose
        metadata or watch state changed then or later; raises `Missing` if this section cannot tell.
        A connection that fails midway is replaced and the listing goes on where it was.
        """

    @abstractmethod
    async def count(self, section: Section, kind: ItemKind) -> int:
        """Return how many items of that kind the section has."""

    @abstractmethod
    async def item(self, item_id: str) -> Item:
        """Return one item with everything the server knows of it; raise `Missing`."""

    @abstractmethod
    async def seasons(self, show_id: str) -> Sequence[Item]:
        """Return the seasons of a show."""

    @abstractmethod
    async def episodes(self, show_id: str) -> Sequence[Item]:
        """Return all episodes of a show, whatever their season, in one request where possible."""

    @abstractmethod
    async def rows(self, *, limit: int = 20) -> Sequence[Row]:
        """Return the rows of the home screen that have items."""

    @abstractmethod
    async def search(self, text: str, *, limit: int = 50) -> Sequence[Item]:
        """Return films, shows and episodes that match."""

    @abstractmethod
    async def markers(self, item_id: str) -> Markers:
        """Return intro and credits; empty if the server has none or does not know the notion."""

    @abstractmethod
    async def stream(self, item_id: str) -> Stream:
        """Return where the item plays, on the connection that is best now; starts nothing."""

    async def converted(self, item_id: str, wanted: Conversion) -> Stream:
        """Return the playlist under which the server plays the item in pieces (HLS), for any player.

        The pieces lie below the playlist's folder. Raises `Missing` where nothing is converted.
        """
        raise Missing(f"this source hands out files as they are (item {item_id}, {wanted.session})")

    async def extras(self, item_id: str) -> Sequence[Item]:
        """Return trailers, deleted scenes and the like; empty if the server has none."""
        del item_id
        return ()

    async def image(self, path: str, *, width: int | None = None, height: int | None = None) -> bytes:
        """Return a picture by the path an item names, no larger than asked; raise `Missing`."""
        del width, height
        raise Missing(f"no picture {path}")

    @abstractmethod
    async def report(self, progress: Progress) -> None:
        """Tell the server how far a playback is."""

    @abstractmethod
    async def mark_watched(self, item_id: str, *, at: datetime | None = None) -> None:
        """Mark as watched; `at` is when it was, where the server can be told."""

    @abstractmethod
    async def mark_unwatched(self, item_id: str) -> None:
        """Mark as not watched."""

    @abstractmethod
    async def rate(self, item_id: str, rating: float) -> None:
        """Give the user's rating, 0 to 10; raise `Missing` if this server has no such rating."""

    @abstractmethod
    async def watch_state(self, item_id: str) -> WatchState:
        """Return the watch state as the server has it now."""

    @abstractmethod
    async def refresh(self, path: str | None = None) -> tuple[str, ...] | None:
        """Make the server look for new files under `path` (as it sees it), or everywhere.

        Returns the ids of the sections that were told; empty if no section holds the path, None if
        the server does not let this user know.
        """

    @abstractmethod
    async def holds(self, path: str) -> bool:
        """Whether the server lists a file with exactly this path (as it sees it)."""
