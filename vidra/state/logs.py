"""The latest lines of each job, in `job_logs/<job>.json`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vidra.clock import Clock

from .database import JournalDB
from .frame import Operation
from .interface import LogLine, LogStore
from .records import LINES, REVISION, from_document, to_document
from .replica import Replica

_ONLY = 1  # the id of the one document in the table `revision`


def printable(line: LogLine) -> LogLine:
    """Return the line without the lone surrogates that undecodable bytes become; JSON cannot hold them."""
    text = line.message.encode("utf-8", "replace").decode("utf-8")
    return line if text == line.message else line.model_copy(update={"message": text})


class JournalLogStore(LogStore):
    """See `LogStore`. `keep` is the number of lines kept; `open_file` and `delete` as for the options."""

    def __init__(
        self,
        open_file: Callable[[str], JournalDB],
        delete: Callable[[str], None],
        *,
        clock: Clock,
        keep: int,
    ) -> None:
        self._open, self._delete, self._clock, self._keep = open_file, delete, clock, keep

    def append(self, job_id: str, lines: Sequence[LogLine]) -> int:
        """Add lines, drop the oldest beyond the bound, return the new version; not durable."""
        documents = [to_document(printable(line)) for line in lines[-self._keep :]]
        revision = [0]

        def addition(replica: Replica) -> Sequence[Operation]:
            old = replica.tables.get(REVISION, {}).get(_ONLY, {}).get("revision", 0)
            revision[0] = old
            if not documents:
                return []
            revision[0] = max(int(self._clock.now().timestamp() * 1000), old + 1)
            first = replica.next_id(LINES)
            added: list[Operation] = [(LINES, first + n, document) for n, document in enumerate(documents)]
            present = replica.tables.get(LINES, {})
            excess = max(0, len(present) + len(documents) - self._keep)
            dropped: list[Operation] = [(LINES, doc_id, None) for doc_id, _ in zip(present, range(excess))]  # noqa: B905 - the range bounds it
            return [*dropped, *added, (REVISION, _ONLY, {"version": 1, "revision": revision[0]})]

        self._open(job_id).journal.change(addition, durable=False)
        return revision[0]

    def tail(self, job_id: str, *, limit: int | None = None) -> tuple[int | None, Sequence[LogLine]]:
        """Return version and the newest lines, oldest first; (None, ()) when there are none."""
        journal = self._open(job_id).journal
        with journal.reading() as replica:
            document = replica.tables.get(REVISION, {}).get(_ONLY)
            if document is None:
                return None, ()
            present = list(replica.tables.get(LINES, {}).values())
            wanted = present if limit is None else present[max(0, len(present) - limit) :]
            lines = tuple(from_document(LogLine, line, journal.files.snapshot) for line in wanted)
            return document["revision"], lines

    def remove(self, job_id: str) -> None:
        """Forget the lines, if any."""
        self._delete(job_id)
