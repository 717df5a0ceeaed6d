"""What a change costs, counted in bytes and lines of code run; the clock is in `benchmarks/state.py`."""

from __future__ import annotations

import sys
from pathlib import Path

import orjson
import pytest

from tests.state.builders import TABLE, a_job, an_entry, lines, put
from vidra.state import open_state
from vidra.state.interface import JobProgress, JobStatus
from vidra.state.journal import COMPACT_FLOOR, Journal

DOCUMENT = {"name": "a thing", "text": "x" * 300}


def prepared(folder: Path, count: int) -> Journal:
    """Return a journal over that many documents, made in one go."""
    path = folder / f"n{count}.json"
    path.write_bytes(orjson.dumps({TABLE: {str(n): DOCUMENT for n in range(1, count + 1)}}))
    journal = Journal(path)
    journal.settle()
    return journal


def lines_run(journal: Journal, doc_id: int) -> int:
    """Return how many lines of Python one change takes: a measure that no neighbour disturbs."""
    count = 0

    def trace(*_: object) -> object:
        nonlocal count
        count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)  # type: ignore[arg-type]  # a trace function that returns itself
    try:
        put(journal, doc_id, DOCUMENT)
    finally:
        sys.settrace(before)
    return count


def test_a_change_costs_the_same_in_a_small_and_a_large_file(tmp_path: Path) -> None:
    """ST-11: the same bytes and within a tenth the same work at 100 and 50,000 documents."""
    costs = []
    for count in (100, 50_000):
        journal = prepared(tmp_path, count)
        put(journal, 1, DOCUMENT)
        size = journal.files.journal.stat().st_size
        work = lines_run(journal, 100)
        costs.append((work, journal.files.journal.stat().st_size - size))
    (small, small_bytes), (large, large_bytes) = costs
    assert large_bytes - small_bytes == 0
    assert 0.9 * small <= large <= 1.1 * small


def written(folder: Path) -> int:
    """Return the bytes of all files of the folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_a_transition_among_500_jobs_writes_little(tmp_path: Path) -> None:
    """At most 4 KB; the old back end wrote 15.3 MB."""
    with open_state(tmp_path) as state:
        for number in range(501):
            state.jobs.add(a_job(f"job-{number}", metadata={"description": "x" * 800}))
        before = written(tmp_path)
        state.jobs.transition("job-7", JobStatus.RUNNING, allowed_from={JobStatus.QUEUED})
        assert 0 < written(tmp_path) - before <= 4096


def test_a_tick_of_a_long_list_writes_little(tmp_path: Path) -> None:
    """At most 2 KB with 1,000 entries; the old back end wrote 273 KB."""
    with open_state(tmp_path) as state:
        state.entries("job-1").put(an_entry(n, extra={"description": "x" * 3000}) for n in range(1, 1001))
        before = written(tmp_path)
        progress = JobProgress(percent=12.34, downloaded_bytes=10**9, total_bytes=10**10, filename="f" * 200)
        state.entries("job-1").update(500, durable=False, progress=progress)
        assert 0 < written(tmp_path) - before <= 2048


def simulate(folder: Path, transactions: int) -> int:
    """Write that many transactions to a journal; return the most that its logs ever took."""
    journal, largest = Journal(folder / "a.json"), 0
    for number in range(transactions):
        put(journal, number % 500, {"n": number, "text": "x" * 200}, durable=False)
        if number % 1000 == 0:
            logs = (journal.files.journal, journal.files.previous_journal)
            largest = max(largest, sum(log.stat().st_size for log in logs if log.exists()))
    return largest


def test_the_logs_stay_bounded(tmp_path: Path) -> None:
    """ST-18, short: below twice the snapshot plus 8 MiB, through several compactions."""
    largest = simulate(tmp_path, 60_000)
    snapshot = (tmp_path / "a.json").stat().st_size
    assert (tmp_path / "a.previous.journal").exists()
    assert COMPACT_FLOOR < largest <= 2 * snapshot + 8 * 1024 * 1024 + 1024


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_two_years_of_use_stay_bounded(tmp_path: Path) -> None:
    """ST-18: a million transactions."""
    assert simulate(tmp_path, 1_000_000) <= 2 * 200_000 + 8 * 1024 * 1024


def test_a_log_file_stays_bounded(tmp_path: Path) -> None:
    """A job that talks for days fills no disk, and keeps its newest lines."""
    with open_state(tmp_path, log_lines_kept=50) as state:
        for number in range(12_000):
            state.logs.append("job-1", lines(f"line {number} " + "x" * 100))
        assert state.logs.tail("job-1", limit=1)[1][0].message.startswith("line 11999 ")
    assert written(tmp_path / "job_logs") < 700 * 1024
