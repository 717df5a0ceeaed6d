"""Records and files that several tests of the state room start from."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vidra.state.interface import Entry, Job, LogLine
from vidra.state.journal import Journal

START = datetime(2026, 11, 20, 20, 21, 59, tzinfo=UTC)
TABLE = "things"


def a_job(job_id: str = "job-1", **fields: Any) -> Job:
    """Return a queued job."""
    return Job(
        **{"job_id": job_id, "urls": ("https://media.test/1",), "created_at": "2026-11-20T20:21:59.000000Z"}
        | fields
    )


def an_entry(index: int, **fields: Any) -> Entry:
    """Return a pending entry."""
    return Entry(index=index, url=f"https://media.test/{index}", **fields)


def lines(*messages: str) -> list[LogLine]:
    """Return log lines."""
    return [LogLine(timestamp="2026-11-20T20:21:59.000000Z", level="info", message=text) for text in messages]


def put(journal: Journal, doc_id: int, document: dict[str, Any], *, durable: bool = True) -> None:
    """Store one document."""
    journal.change(lambda _: [(TABLE, doc_id, document)], durable=durable)


def things(path: Path) -> dict[int, dict[str, Any]]:
    """Return what a new process reads from the state file."""
    with Journal(path).reading() as replica:
        return dict(replica.tables.get(TABLE, {}))


def filled(path: Path, count: int, *, compacted: bool = False, size: int = 20) -> dict[int, dict[str, Any]]:
    """Write that many documents, one transaction each; return them."""
    journal = Journal(path)
    documents = {number: {"name": f"thing {number}", "text": "x" * size} for number in range(1, count + 1)}
    for number, document in documents.items():
        put(journal, number, document, durable=False)
    if compacted:
        journal.compact()
    return documents
