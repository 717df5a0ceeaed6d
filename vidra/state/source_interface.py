"""What the state room promises about sources: the configured media servers and what is known of each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Any

from pydantic import Field

from .history import FeedOf
from .interface import Record


@unique
class SourceKind(StrEnum):
    """The kinds of sources there are."""

    PLEX = "plex"
    JELLYFIN = "jellyfin"
    LOCAL = "local"


@unique
class AuthState(StrEnum):
    """What is known about a source's credentials; a network error is no evidence against them."""

    AUTHENTICATED = "authenticated"
    AUTH_REQUIRED = "auth_required"
    UNKNOWN = "unknown"


class SourceFolder(Record):
    """One library of a local source; `kind` is a section kind such as `movies` or `shows`."""

    path: str
    name: str | None = None
    kind: str = "movies"


class SourcePath(Record):
    """`ours` on this machine is `theirs` on the server."""

    ours: str
    theirs: str


class Source(Record):
    """One configured server, or a set of folders. Holds no secret: those are in the credentials room.

    Times are ISO-8601 UTC with microseconds and `Z`. `standing` is what the connections room knows
    of the addresses, as JSON of its `Standing`; it changes with every check and is stored apart, so
    that the record itself changes only when something about the source does.
    """

    source_id: str
    name: str
    type: SourceKind
    declared: bool = False
    """Whether the configuration declares it; then it goes when the declaration goes."""
    machine_id: str | None = None
    """Which machine answers; nobody else may."""
    user_id: str | None = None
    user_name: str | None = None
    owned: bool | None = None
    """Whether the account owns the server; None where nobody says."""
    server_version: str | None = None
    auth_status: AuthState = AuthState.UNKNOWN
    last_auth_check: str | None = None
    last_sync: str | None = None
    folders: tuple[SourceFolder, ...] = ()
    path_mappings: tuple[SourcePath, ...] = ()
    created_at: str
    updated_at: str
    standing: Mapping[str, Any] = Field(default_factory=dict)


@unique
class SourceEventKind(StrEnum):
    """What subscribers of sources are told."""

    ADDED = "source-added"
    REMOVED = "source-removed"
    CONNECTION_CHANGED = "connection-changed"
    CONNECTION_LOST = "connection-lost"
    CONNECTION_RESTORED = "connection-restored"
    AUTH_CHANGED = "auth-changed"


class SourceEvent(Record):
    """Something that happened to a source: once, and kept for a while.

    `old` and `new` are addresses, for `auth-changed` auth states.
    """

    event: SourceEventKind
    source_id: str
    at: str
    old: str | None = None
    new: str | None = None
    reason: str | None = None


@unique
class SourceChangeKind(StrEnum):
    """What a change in the feed is about."""

    SOURCE = "source"
    """`source` is the new record, without its standing."""
    STANDING = "standing"
    """A check was recorded; `standing` is the new one."""
    EVENT = "event"
    """`event` happened. A removed source is told of by its event alone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceChange:
    """One change of one source; the fields that its kind does not name are None."""

    kind: SourceChangeKind
    source_id: str
    source: Source | None = None
    standing: Mapping[str, Any] | None = None
    event: SourceEvent | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Amended:
    """What an amendment makes of a source, and what there is to tell about it."""

    source: Source
    events: Sequence[SourceEvent] = ()


Amendment = Callable[[Source], Amended]


class SourceStore(ABC):
    """The sources. Safe between threads and between processes; raises `StateError` subclasses.

    `updated_at` is set here, whenever a record changes in more than its standing and its times.
    """

    @abstractmethod
    def add(self, source: Source) -> Source:
        """Store a new source and tell of it; raise `ValueError` if its id is taken."""

    @abstractmethod
    def get(self, source_id: str) -> Source:
        """Return the source; raise `SourceNotFound`."""

    @abstractmethod
    def list(self) -> Sequence[Source]:
        """Return all sources in the order in which they were added."""

    @abstractmethod
    def update(self, source_id: str, /, **fields: object) -> Source:
        """Replace fields of the source and return the new record; raise `SourceNotFound`."""

    @abstractmethod
    def amend(
        self, source_ids: Iterable[str], amendment: Amendment, *, durable: bool = True
    ) -> Mapping[str, Source]:
        """Change several sources in one transaction, each as `amendment` says of its current record.

        Nobody else changes them in between. Sources that are gone are left out. With
        `durable=False` a power cut may undo the change, records and events alike.
        """

    @abstractmethod
    def remove(self, source_id: str) -> None:
        """Forget the source and tell of it; raise `SourceNotFound`."""

    @abstractmethod
    def events(self, source_id: str | None = None, *, limit: int | None = None) -> Sequence[SourceEvent]:
        """Return the newest events, oldest first, of one source or of all."""

    @abstractmethod
    def feed(self) -> FeedOf[SourceChange]:
        """Return the changes of all sources."""
