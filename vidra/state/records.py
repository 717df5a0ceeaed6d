"""Records to stored documents and back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import orjson
from pydantic import ValidationError

from vidra.errors import StateError

from .interface import Entry, Job, JobProgress, LogLine, Record
from .schema import Schema

AnyRecord = TypeVar("AnyRecord", bound=Record)

SOURCES, STANDINGS, EVENTS = "sources", "standings", "source_events"
JOBS, PROGRESS, ENTRIES, OPTIONS, LINES, REVISION = (
    "jobs",
    "progress",
    "entries",
    "options",
    "lines",
    "revision",
)
"""Table names. `revision` holds one document: the version that clients of a log compare."""

SCHEMAS: Mapping[str, Schema] = {
    name: Schema() for name in (JOBS, PROGRESS, ENTRIES, OPTIONS, LINES, REVISION, SOURCES, STANDINGS, EVENTS)
}


def to_document(record: Record) -> dict[str, Any]:
    """Return what is stored: JSON types, fields without a value left out."""
    return record.model_dump(mode="json", exclude_none=True)


def from_document(kind: type[AnyRecord], document: Mapping[str, Any], path: Path) -> AnyRecord:
    """Return the record; raise `StateError` for a document that does not fit its own schema version."""
    try:
        return kind.model_validate_json(orjson.dumps(document))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise StateError(path, f"a {kind.__name__} is not as expected: {where}: {first['msg']}") from error


def replaced(record: AnyRecord, fields: Mapping[str, object]) -> AnyRecord:
    """Return a copy with the fields replaced and checked; raise pydantic's `ValidationError`."""
    return type(record).model_validate({**dict(record), **fields})


__all__ = [
    "ENTRIES",
    "EVENTS",
    "JOBS",
    "LINES",
    "OPTIONS",
    "PROGRESS",
    "REVISION",
    "SCHEMAS",
    "SOURCES",
    "STANDINGS",
    "Entry",
    "Job",
    "JobProgress",
    "LogLine",
    "from_document",
    "replaced",
    "to_document",
]
