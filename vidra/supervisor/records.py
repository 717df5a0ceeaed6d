"""Where a back end's record is kept for the next supervisor."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

from vidra.supervisor.identity import Identity
from vidra.supervisor.interface import BackendRecord


class RecordStore(Protocol):
    """Keeps one record for each back end. Raises `OSError` when the disk does not play along."""

    def load(self, name: str) -> BackendRecord | None:
        """Return the record; None when there is none that can be read."""
        ...

    def save(self, record: BackendRecord) -> None:
        """Keep the record; after `kill -9` of this process it must be there, whole."""
        ...


class MemoryRecords:
    """Records of this process only, for tests and for supervisors whose back ends die with them."""

    def __init__(self) -> None:
        self._records: dict[str, BackendRecord] = {}

    def load(self, name: str) -> BackendRecord | None:
        """Return the record, if any."""
        return self._records.get(name)

    def save(self, record: BackendRecord) -> None:
        """Keep the record."""
        self._records[record.name] = record


class FileRecords:
    """One small JSON file for each back end, mode 0600, replaced whole.

    Not fsynced: what a power cut would lose is worthless after the reboot that follows it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, name: str) -> BackendRecord | None:
        """Return the record; an unreadable one counts as none, because processes are found by other means."""
        try:
            facts = json.loads(self._path(name).read_bytes())
            process = facts.pop("process")
            return BackendRecord(
                **{**facts, "crashes": tuple(facts["crashes"])},
                process=None if process is None else Identity(**process),
            )
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            return None

    def save(self, record: BackendRecord) -> None:
        """Replace the record's file."""
        path = self._path(record.name)
        fresh = path.with_suffix(".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(record), file)
        fresh.replace(path)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"
