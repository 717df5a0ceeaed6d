"""Jobs and their progress, in `download_state.json`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from vidra.errors import JobConflict, JobNotFound

from .database import JournalDB
from .frame import Operation
from .interface import Job, JobProgress, JobStatus, JobStore
from .naming import checked_job_id
from .records import JOBS, PROGRESS, from_document, replaced, to_document
from .replica import Replica


class JournalJobStore(JobStore):
    """See `JobStore`. A job's progress has the document id of the job."""

    def __init__(self, database: JournalDB) -> None:
        self._journal = database.journal
        self._path = self._journal.files.snapshot
        self._table = database.table(JOBS, unique="job_id")

    def add(self, job: Job) -> Job:
        """Store a new job; raise `ValueError` if its id is taken."""
        checked_job_id(job.job_id)

        def addition(replica: Replica) -> Sequence[Operation]:
            if self._table.id_of(job.job_id) is not None:
                raise ValueError(f"there is a job `{job.job_id}` already")
            return [(JOBS, replica.next_id(JOBS), to_document(job))]

        self._journal.change(addition)
        return job

    def get(self, job_id: str) -> Job:
        """Return the job; raise `JobNotFound`."""
        document = self._table.look_up(job_id)
        if document is None:
            raise JobNotFound(job_id)
        return from_document(Job, document, self._path)

    def list(
        self, *, statuses: Collection[JobStatus] | None = None, creator: str | None = None
    ) -> Sequence[Job]:
        """Return jobs, oldest first by creation."""
        with self._journal.reading() as replica:
            found = [
                from_document(Job, document, self._path)
                for document in replica.tables.get(JOBS, {}).values()
                if (statuses is None or document["status"] in statuses)
                and (creator is None or document.get("creator") == creator)
            ]
        return sorted(found, key=lambda job: job.created_at)

    def update(self, job_id: str, /, **fields: object) -> Job:
        """Replace fields of the job and return the new record; raise `JobNotFound`."""
        return self._edit(job_id, lambda job: replaced(job, fields))

    def transition(
        self, job_id: str, status: JobStatus, *, allowed_from: Collection[JobStatus], **fields: object
    ) -> Job:
        """Change the status, compare-and-set between processes."""

        def edited(job: Job) -> Job:
            if job.status not in allowed_from:
                raise JobConflict(job_id, job.status, f"move to {status}")
            return replaced(job, {**fields, "status": status})

        return self._edit(job_id, edited)

    def remove(self, job_id: str) -> None:
        """Forget the job and its progress; raise `JobNotFound`."""

        def removal(replica: Replica) -> Sequence[Operation]:
            doc_id = self._id(job_id)
            # Written once more before it goes: that tells followers of the changes whose id this was.
            last: Operation = (JOBS, doc_id, replica.tables[JOBS][doc_id])
            operations: list[Operation] = [last, (JOBS, doc_id, None)]
            if doc_id in replica.tables.get(PROGRESS, {}):
                operations.append((PROGRESS, doc_id, None))
            return operations

        self._journal.change(removal)

    def progress(self, job_id: str) -> JobProgress | None:
        """Return the latest figures, if any."""
        with self._journal.reading() as replica:
            doc_id = self._table.id_of(job_id)
            document = replica.tables.get(PROGRESS, {}).get(doc_id or 0)
            if document is None:
                return None
            figures = {key: value for key, value in document.items() if key != "job_id"}
            return from_document(JobProgress, figures, self._path)

    def set_progress(self, job_id: str, progress: JobProgress) -> None:
        """Store the latest figures; raise `JobNotFound`."""
        document = to_document(progress) | {"job_id": job_id}
        self._journal.change(lambda _: [(PROGRESS, self._id(job_id), document)], durable=False)

    def _edit(self, job_id: str, edited: Callable[[Job], Job]) -> Job:
        result: list[Job] = []

        def edition(replica: Replica) -> Sequence[Operation]:
            doc_id = self._id(job_id)
            old = replica.tables[JOBS][doc_id]
            job = edited(from_document(Job, old, self._path))
            if job.job_id != job_id:
                raise ValueError("a job keeps its id")
            result.append(job)
            new = to_document(job)
            return [] if new == old else [(JOBS, doc_id, new)]

        self._journal.change(edition)
        return result[0]

    def _id(self, job_id: str) -> int:
        doc_id = self._table.id_of(job_id)
        if doc_id is None:
            raise JobNotFound(job_id)
        return doc_id
