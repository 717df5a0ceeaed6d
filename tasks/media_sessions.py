"""Opens a job's media sessions: some in processes of their own, the others in the run's."""

from __future__ import annotations

from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, TypeAlias

from tasks.episode_book import StoredBook
from vidra.engine.worker.companion import companion
from vidra.media.addresses import NetworkPolicy
from vidra.media.interface import LogSink
from vidra.media.options import MediaOptions
from vidra.media.remote import RemoteSession, SessionServer
from vidra.media.session import MediaSession
from vidra.settings import Settings

Session: TypeAlias = MediaSession | RemoteSession

WORTH_IT: Final = 3
"""With so many entries to download, processes of their own are quicker; to begin one takes 40 ms."""
_SERVE: Final = "tasks.media_sessions:serve"


@dataclass(frozen=True, kw_only=True, slots=True)
class Opening:
    """What a session is opened with, wherever."""

    options: MediaOptions
    network: NetworkPolicy
    library: Path
    free_space_floor: int
    data_dir: Path
    lock_timeout: float

    @classmethod
    def of(cls, settings: Settings, options: MediaOptions, network: NetworkPolicy) -> Opening:
        """Return what sessions with these options are opened with."""
        return cls(
            options=options,
            network=network,
            library=settings.downloads.library,
            free_space_floor=settings.downloads.free_space_floor,
            data_dir=settings.storage.data_dir,
            lock_timeout=settings.storage.lock_timeout,
        )

    def session(self, book: StoredBook, log: LogSink) -> MediaSession:
        """Open one here."""
        return MediaSession(
            options=self.options,
            network=self.network,
            library=self.library,
            log=log,
            free_space_floor=self.free_space_floor,
            book=book,
        )

    def book(self) -> StoredBook:
        """Open the book of episode numbers."""
        return StoredBook.of(self.data_dir, lock_timeout=self.lock_timeout)


def open_remotely(opening: Opening, log: LogSink, *, most: int) -> RemoteSession | None:
    """Open a session in a process of its own; None if there are `most`, or this run cannot have any."""
    ours = companion()
    connection = ours.connect(_SERVE, most=most) if ours else None
    return RemoteSession(connection, opening, log=log) if connection else None


def serve(connection: Connection) -> None:
    """Be the other process."""
    SessionServer(connection).serve(lambda opening, log: opening.session(opening.book(), log))
