"""The options of each job, in `job_options/<job>.json`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from vidra.clock import Clock

from .database import JournalDB, detached
from .frame import Operation
from .interface import OptionStore
from .records import OPTIONS
from .replica import Replica

_ONLY = 1  # the id of the one document in each file


class JournalOptionStore(OptionStore):
    """See `OptionStore`. `open_file` gives the database of a job; `delete` removes its files."""

    def __init__(
        self, open_file: Callable[[str], JournalDB], delete: Callable[[str], None], *, clock: Clock
    ) -> None:
        self._open, self._delete, self._clock = open_file, delete, clock

    def save(self, job_id: str, options: Mapping[str, Any]) -> int:
        """Store the options and return their version: the time in ms, always more than the last one."""
        wanted, revision = detached(options), [0]

        def edition(replica: Replica) -> Sequence[Operation]:
            old = replica.tables.get(OPTIONS, {}).get(_ONLY)
            if old is not None and old["options"] == wanted:
                revision[0] = old["revision"]
                return []
            now = int(self._clock.now().timestamp() * 1000)
            revision[0] = now if old is None else max(now, old["revision"] + 1)
            return [(OPTIONS, _ONLY, {"version": 1, "revision": revision[0], "options": wanted})]

        self._open(job_id).journal.change(edition)
        return revision[0]

    def load(self, job_id: str) -> tuple[int | None, Mapping[str, Any]]:
        """Return version and options; (None, {}) when none are stored."""
        with self._open(job_id).journal.reading() as replica:
            document = replica.tables.get(OPTIONS, {}).get(_ONLY)
            return (None, {}) if document is None else (document["revision"], detached(document["options"]))

    def remove(self, job_id: str) -> None:
        """Forget the options, if any."""
        self._delete(job_id)
