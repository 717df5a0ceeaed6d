"""Makes what an engine left look as if it had stopped long ago: an outage of an hour in a second.

The clock of a test's machine cannot be moved. What can is everything that remembers a moment: each time
stamp in Prefect's database (its texts and JSON included, where schedules, states and idempotency keys have
theirs), in the lease files, and in the jobs. For whoever starts afterwards that is the same.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from vidra.state import open_state

_MOMENT: Final = re.compile(
    r"(?<!\d)(20\d\d-\d\d-\d\d)([ T])(\d\d:\d\d:\d\d)(\.\d{1,6})?(?=Z|[+-]\d\d:?\d\d|\W|$)"
)
"""An instant in this century; lengths of time, which Prefect stores as instants of 1970, are none."""
_OF_JOBS: Final = ("created_at", "started_at", "finished_at", "resume_at")


def age(data: Path, seconds: float) -> int:
    """Shift everything in the data folder into the past; return how many values were shifted.

    Nothing of the engine may be running.
    """
    home = data / "prefect"
    earlier = _earlier(timedelta(seconds=seconds))
    shifted = _age_database(home / "prefect.db", earlier)
    for lease in (home / "concurrency_leases").glob("*.json"):
        lease.write_text(earlier(lease.read_text("utf-8")), "utf-8")
        shifted += 1
    _age_jobs(data, earlier)
    for path in (path for path in data.rglob("*") if path.is_file()):
        facts = path.stat()
        os.utime(path, (facts.st_atime - seconds, facts.st_mtime - seconds))
    return shifted


def _earlier(by: timedelta) -> Callable[[str], str]:
    def one(match: re.Match[str]) -> str:
        moment = datetime.fromisoformat(f"{match[1]}T{match[3]}") - by
        return f"{moment:%Y-%m-%d}{match[2]}{moment:%H:%M:%S}{match[4] or ''}"

    return lambda text: _MOMENT.sub(one, text)


def _age_database(file: Path, earlier: Callable[[str], str]) -> int:
    shifted = 0
    with closing(sqlite3.connect(file)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            if table.startswith("sqlite_") or table == "alembic_version":
                continue
            names = [row[1] for row in database.execute(f'PRAGMA table_info("{table}")')]
            for name in names:
                shifted += _age_column(database, table, name, earlier)
        database.commit()
    return shifted


def _age_column(database: sqlite3.Connection, table: str, name: str, earlier: Callable[[str], str]) -> int:
    # The oldest first: keys that hold a moment are unique, and must not meet one that is still to move.
    found = database.execute(f'SELECT rowid, "{name}" FROM "{table}" ORDER BY "{name}"').fetchall()  # noqa: S608 - names of the database itself
    texts = [(row, value) for row, value in found if isinstance(value, str)]
    changed = [(earlier(value), row) for row, value in texts if earlier(value) != value]
    database.executemany(f'UPDATE "{table}" SET "{name}" = ? WHERE rowid = ?', changed)  # noqa: S608 - the same
    return len(changed)


def _age_jobs(data: Path, earlier: Callable[[str], str]) -> None:
    with open_state(data) as state:
        for job in state.jobs.list():
            told = {name: getattr(job, name, None) for name in _OF_JOBS}
            state.jobs.update(
                job.job_id, **{name: earlier(text) for name, text in told.items() if text is not None}
            )
