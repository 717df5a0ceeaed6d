"""The first start on the files of a Vidra 1.x back end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.state.builders import lines
from vidra.clock import ManualClock
from vidra.state import open_state
from vidra.state.interface import DesiredState, EntryStatus, JobProgress, JobStatus


def record(job_id: str, status: str = "completed", **fields: Any) -> dict[str, Any]:
    """Return a job as 1.x stored it."""
    plain = {"job_id": job_id, "urls": ["https://media.test/1"], "status": status, "kind": "video"}
    return plain | {"metadata": {"title": "A title"}, "created_at": "2025-03-04T05:06:07+02:00"} | fields


def write(folder: Path, *records: object, bare: bool = False) -> None:
    """Write a 1.x job file, open to everybody as it was."""
    content = list(records) if bare else {"jobs": list(records)}
    (folder / "download_state.json").write_text(json.dumps(content, indent=2))


@pytest.mark.parametrize("bare", [True, False])
def test_jobs_are_taken_over_once_and_the_original_is_kept(
    tmp_path: Path, clock: ManualClock, bare: bool
) -> None:
    """Both shapes of the file; the second start finds our own file."""
    write(tmp_path, record("a"), record("b", error="boom", status="failed", finished_at="bad"), bare=bare)
    original = (tmp_path / "download_state.json").read_bytes()
    with open_state(tmp_path, clock=clock) as state:
        assert state.imported is not None
        assert state.imported.jobs == 2
        first = state.jobs.list()
    assert [(job.status, job.error) for job in first] == [
        (JobStatus.COMPLETED, None),
        (JobStatus.FAILED, "boom"),
    ]
    assert first[0].created_at == "2025-03-04T03:06:07.000000Z"
    assert first[0].metadata == {"title": "A title"}
    assert (tmp_path / "download_state.imported-20261120T202159Z.json").read_bytes() == original
    with open_state(tmp_path) as again:
        assert again.imported is None
        assert again.jobs.list() == first


@pytest.mark.parametrize(
    ("stored", "status", "desired"),
    [
        ("running", JobStatus.QUEUED, DesiredState.RUN),
        ("queued", JobStatus.QUEUED, DesiredState.RUN),
        ("starting", JobStatus.QUEUED, DesiredState.RUN),
        ("retrying", JobStatus.QUEUED, DesiredState.RUN),
        ("pausing", JobStatus.PAUSED, DesiredState.PAUSE),
        ("cancelling", JobStatus.CANCELLED, DesiredState.CANCEL),
        ("paused", JobStatus.PAUSED, DesiredState.PAUSE),
        ("completed_with_errors", JobStatus.COMPLETED_WITH_ERRORS, DesiredState.RUN),
        ("something else", JobStatus.QUEUED, DesiredState.RUN),
    ],
)
def test_interrupted_work_goes_on_instead_of_failing(
    tmp_path: Path, stored: str, status: JobStatus, desired: DesiredState
) -> None:
    """1.x marked it failed at every restart."""
    write(tmp_path, record("a", stored))
    with open_state(tmp_path) as state:
        job = state.jobs.get("a")
    assert (job.status, job.desired) == (status, desired)


def test_a_job_that_waited_for_a_choice_still_does(tmp_path: Path) -> None:
    """Nothing was lost by the restart, so nothing is asked twice."""
    write(tmp_path, record("a", "starting", kind="playlist", selection_required=True))
    with open_state(tmp_path) as state:
        assert state.jobs.get("a").selection_required
        assert state.jobs.get("a").status is JobStatus.STARTING


def test_records_that_cannot_be_used_are_reported(tmp_path: Path) -> None:
    """Each with its place and reason; the good ones are taken."""
    bad = (
        {"urls": ["x"]},
        record("a/b"),
        record("c", urls=[]),
        "text",
        record("d", kind="film"),
        record("good"),
    )
    write(tmp_path, record("good"), *bad)
    with open_state(tmp_path) as state:
        assert [job.job_id for job in state.jobs.list()] == ["good"]
        assert state.imported is not None
        numbers = [sentence.split(":")[0] for sentence in state.imported.skipped]
    assert numbers == [f"record {number}" for number in range(2, 8)]


def test_progress_is_taken_over(tmp_path: Path) -> None:
    """1.x kept byte counts as floats, and fields that we have no use for."""
    write(tmp_path, record("a", progress={"percent": 12.5, "total_bytes": 1000.0, "eta": 3.0, "ctx_id": "x"}))
    with open_state(tmp_path) as state:
        assert state.jobs.progress("a") == JobProgress(percent=12.5, total_bytes=1000, eta=3)


def side_files(folder: Path) -> None:
    """Write a list of three entries with its side files."""
    write(
        folder,
        record(
            "a",
            kind="playlist",
            playlist_failed_indices=[2],
            playlist_completed_indices=[1],
            playlist_entry_errors=[{"index": 2, "message": "gone", "recorded_at": "then"}],
        ),
    )
    entries = [
        {"index": n, "id": f"v{n}", "webpage_url": f"https://media.test/{n}", "view_count": n}
        for n in (1, 2, 3)
    ]
    for name, content in {
        "playlist_entries": {"version": 17, "entries": entries},
        "job_options": {
            "version": 18,
            "options": {"format": "best", "password": "hunter22", "cookiefile": "c"},
        },
        "job_logs": {"version": 19, "logs": [{"timestamp": "t", "level": "warning", "message": "hm"}]},
    }.items():
        (folder / name).mkdir()
        (folder / name / "a.json").write_text(json.dumps(content))


def test_side_files_are_taken_over_when_first_used(tmp_path: Path) -> None:
    """With their versions, so that clients need not fetch anew; secrets stay behind."""
    side_files(tmp_path)
    with open_state(tmp_path) as state:
        assert state.options.load("a") == (18, {"format": "best"})
        version, found = state.logs.tail("a")
        assert (version, found[0].message, found[0].level) == (19, "hm", "warning")
        entries = state.entries("a").all()
        assert dict(state.entries("a").tally()) == dict.fromkeys(
            (EntryStatus.COMPLETED, EntryStatus.FAILED, EntryStatus.PENDING), 1
        )
    assert [entry.status for entry in entries] == ["completed", "failed", "pending"]
    assert (entries[1].error, entries[1].error_at, entries[1].extra) == ("gone", "then", {"view_count": 2})


def test_side_files_can_be_changed_after_that(tmp_path: Path) -> None:
    """The originals are kept beside them, private."""
    side_files(tmp_path)
    with open_state(tmp_path) as state:
        state.entries("a").update(3, status=EntryStatus.COMPLETED)
        state.logs.append("a", lines("new"))
    with open_state(tmp_path) as state:
        assert state.entries("a").get(3).status is EntryStatus.COMPLETED
        assert [line.message for line in state.logs.tail("a")[1]] == ["hm", "new"]
    assert len(list((tmp_path / "job_logs").glob("a.imported-*.json"))) == 1
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "job_logs").iterdir())
