"""Keeps one back end's record up to date, and goes on without a memory when the disk is full."""

from __future__ import annotations

from dataclasses import replace

from vidra.supervisor.identity import boot_id
from vidra.supervisor.interface import BackendRecord, BackendSpec
from vidra.supervisor.records import RecordStore


class Memory:
    """The current record and its copy in the store."""

    def __init__(self, spec: BackendSpec, store: RecordStore) -> None:
        self._store = store
        self._saved = store.load(spec.name)
        self.record = self._begin(spec)

    def change(self, record: BackendRecord) -> str | None:
        """Take the record as the current one and keep it; return what is wrong if it could not be kept."""
        self.record = record
        if record == self._saved:
            return None
        try:
            self._store.save(record)
        except OSError as error:
            return f"the record could not be written: {error.strerror}"
        self._saved = record
        return None

    def _begin(self, spec: BackendSpec) -> BackendRecord:
        found = self._saved
        fresh = BackendRecord(name=spec.name, digest=spec.digest, boot=boot_id())
        if found is None:
            return fresh
        if found.boot != boot_id():  # its processes and crashes went with that boot
            return replace(fresh, stopped=found.stopped, port=found.port)
        forgiven = spec.forgiven_at_start or found.digest != spec.digest
        return replace(found, failed=None, crashes=()) if forgiven else found
