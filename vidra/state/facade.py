"""What the state room promises as a whole: all stores of one data folder, and the locks on jobs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Self

from .history import Feed
from .interface import Archive, EntryStore, JobStore, LogStore, OptionStore
from .source_interface import SourceStore


@dataclass(frozen=True, kw_only=True, slots=True)
class LockHolder:
    """Who holds a job's lock."""

    pid: int
    host: str
    purpose: str
    since: str
    """ISO-8601 UTC."""

    def __str__(self) -> str:
        """Return it as the end of a sentence: `process 12 on host (download) since …`."""
        return f"process {self.pid} on {self.host} ({self.purpose}) since {self.since}"


class JobLock(ABC):
    """What a flow holds while it works on a job. Released by the system when its process ends.

    A process that forks without exec passes it on to the child: take it after forking.
    """

    @abstractmethod
    def try_acquire(self) -> bool:
        """Take the lock if it is free, without waiting; return whether it is held now."""

    @abstractmethod
    def release(self) -> None:
        """Let go; harmless when not held."""

    @abstractmethod
    def holder(self) -> LockHolder | None:
        """Return who holds it, None if it is free or nobody signed for it."""

    @abstractmethod
    def __enter__(self) -> Self:
        """Take the lock; raise `StateBusy` naming the holder if it is taken."""

    def __exit__(self, *_: object) -> None:
        """Let go."""
        self.release()


class State(ABC):
    """All stores of one data folder. Use it as a context manager, or `close` it."""

    @property
    @abstractmethod
    def jobs(self) -> JobStore:
        """The jobs."""

    @property
    @abstractmethod
    def options(self) -> OptionStore:
        """The options of each job."""

    @property
    @abstractmethod
    def logs(self) -> LogStore:
        """The log lines of each job."""

    @property
    @abstractmethod
    def archive(self) -> Archive:
        """The download archive."""

    @property
    @abstractmethod
    def sources(self) -> SourceStore:
        """The configured media servers and folders."""

    @abstractmethod
    def entries(self, job_id: str) -> EntryStore:
        """Return the entries of a job; an empty store if there are none yet."""

    @abstractmethod
    def feed(self, job_id: str | None = None) -> Feed:
        """Return the changes of all jobs, or all changes of one."""

    @abstractmethod
    def job_lock(self, job_id: str, *, purpose: str = "work") -> JobLock:
        """Return the job's lock, not yet taken; `purpose` is what the holder is shown to be doing."""

    @abstractmethod
    def remove_job(self, job_id: str) -> None:
        """Forget the job with its entries, options and logs; raise `JobNotFound`. Media files stay."""

    @abstractmethod
    def close(self) -> None:
        """Bring plain files up to date and let go of everything; harmless to repeat."""

    def __enter__(self) -> Self:
        """Return self."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()
