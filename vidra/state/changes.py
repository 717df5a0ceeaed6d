"""What the frames of each kind of state file mean as changes of jobs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .feed import Translate
from .frame import Frame
from .history import Change, ChangeKind
from .interface import Entry, Job, JobProgress, LogLine
from .records import ENTRIES, JOBS, LINES, OPTIONS, PROGRESS, from_document


def of_jobs(path: Path, only: str | None = None) -> Translate:
    """Return what reads `download_state`; `only` names the job that matters, None all."""

    def translate(frame: Frame) -> Iterator[Change]:
        gone = {doc_id for table, doc_id, document in frame.operations if table == JOBS and document is None}
        for table, doc_id, document in frame.operations:
            if document is None or (only is not None and document.get("job_id") != only):
                continue
            if table == JOBS:
                kind = ChangeKind.REMOVED if doc_id in gone else ChangeKind.JOB
                yield Change(kind=kind, job_id=document["job_id"], job=from_document(Job, document, path))
            elif table == PROGRESS:
                figures = {key: value for key, value in document.items() if key != "job_id"}
                progress = from_document(JobProgress, figures, path)
                yield Change(kind=ChangeKind.PROGRESS, job_id=document["job_id"], progress=progress)

    return translate


def of_side_file(path: Path, job_id: str) -> Translate:
    """Return what reads the entries, log lines or options of one job."""

    def translate(frame: Frame) -> Iterator[Change]:
        for table, doc_id, document in frame.operations:
            if document is None:
                continue
            if table == ENTRIES:
                entry = from_document(Entry, document, path)
                yield Change(kind=ChangeKind.ENTRY, job_id=job_id, entry=entry, index=doc_id)
            elif table == PROGRESS:
                progress = from_document(JobProgress, document, path)
                yield Change(kind=ChangeKind.ENTRY_PROGRESS, job_id=job_id, progress=progress, index=doc_id)
            elif table == LINES:
                line = from_document(LogLine, document, path)
                yield Change(kind=ChangeKind.LOG, job_id=job_id, line=line)
            elif table == OPTIONS:
                yield Change(kind=ChangeKind.OPTIONS, job_id=job_id)

    return translate
