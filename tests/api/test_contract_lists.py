"""The client's routes about lists, options and logs (contract, sections 2.5 to 2.7, 4 and 9)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api import casts
from tests.api.filling import add_job, add_list
from tests.api.serving import Shim
from tests.api.simulator import JOB_EVENTS, Listener
from vidra.state.interface import EntryStatus, JobKind, JobProgress, JobStatus, LogLine

LOG = LogLine(timestamp="2026-11-20T20:21:59.418625Z", level="info", message="hello")
S = JobStatus


def test_logs_come_by_version_and_by_entry(served: Shim) -> None:
    """The limit counts what is asked for: the reference cut before it filtered."""
    add_list(served.state, "list1")
    lines = [LOG.model_copy(update={"message": str(n), "playlist_index": 1 + n % 2}) for n in range(10)]
    version = served.state.logs.append("list1", lines)
    with served.client() as client:
        whole = client.get("/api/jobs/list1/logs").json()
        same = client.get(f"/api/jobs/list1/logs?since={version}").json()
        detail = client.get(f"/api/jobs/list1/logs?since={version}&detail=true&limit=2").json()
        second = client.get("/api/jobs/list1::entry-2/logs?limit=3").json()
        by_id = client.get("/api/jobs/list1::id2/logs").json()

    assert (whole["count"], whole["delta"]) == (10, {"type": "full", "version": version, "since": None})
    assert same["delta"]["type"] == "noop"
    assert "logs" not in same
    assert [line["message"] for line in detail["logs"]] == ["8", "9"]
    assert [line["message"] for line in second["logs"]] == ["5", "7", "9"]
    assert second["entry"] == {
        "playlist_entry_id": "id2",
        "playlist_index": 2,
        "requested_job_id": "list1::entry-2",
    }
    assert by_id["count"] == 5


def test_options_keep_their_version_and_their_secrets(served: Shim) -> None:
    """What another job does changes nothing here, and a password is shown to nobody."""
    with served.client() as client:
        body = {
            "urls": "http://127.0.0.1/x",
            "options": {"username": "ana", "password": "hunter22", "retries": 3},
        }
        job_id = client.post("/api/jobs", json=body).json()["job_id"]
        first = client.get(f"/api/jobs/{job_id}/options").json()
        client.post("/api/jobs", json={"urls": "http://127.0.0.1/y"})
        second = client.get(f"/api/jobs/{job_id}/options?since={first['version']}").json()

    assert first["options"]["retries"] == 3
    assert "hunter22" not in str(first)
    assert second["delta"] == {"type": "noop", "version": first["version"], "since": first["version"]}


def test_a_list_comes_in_pages_and_deltas(served: Shim) -> None:
    """Sections 2.7 and 4.5."""
    add_list(served.state, "list1", entries=5)
    served.state.entries("list1").update(1, status=EntryStatus.COMPLETED, main_file="/m/1.mp4")
    with served.client() as client:
        plain = client.get("/api/jobs/list1/playlist").json()["playlist"]
        page = client.get("/api/jobs/list1/playlist/items?offset=1&limit=2").json()["playlist"]
        delta = client.get("/api/jobs/list1/playlist/items/delta").json()
        same = client.get(f"/api/jobs/list1/playlist/items/delta?since={delta['version']}").json()
        served.state.entries("list1").update(2, status=EntryStatus.COMPLETED)
        other = client.get(f"/api/jobs/list1/playlist/items/delta?since={delta['version']}").json()

    assert "entries" not in plain
    assert (plain["total_items"], plain["percent"], plain["completed_indices"]) == (5, 20.0, [1])
    assert (page["entries_offset"], page["entries_truncated"], page["entries_external"]) == (1, True, True)
    assert [entry["index"] for entry in page["entries"]] == [2, 3]
    assert (delta["delta"]["type"], same["delta"]["type"], other["delta"]["type"]) == (
        "full",
        "noop",
        "reset",
    )
    assert "entries" not in same["playlist"]
    assert delta["playlist"]["entries"][0]["is_completed"] is True


@pytest.mark.parametrize(
    ("name", "job", "body", "expected"),
    [
        (
            "retry",
            "video",
            {"indices": [1]},
            (409, {"status": "not_playlist", "reason": "job_is_not_playlist"}),
        ),
        ("retry", "done", {}, (409, {"status": "no_entries", "reason": "playlist_entries_required"})),
        (
            "retry",
            "done",
            {"indices": [1]},
            (409, {"status": "entries_not_failed", "reason": "entries_not_failed"}),
        ),
        ("retry", "busy", {"indices": [1]}, (409, {"status": "running"})),
        ("retry", "done", {"indices": ["x"]}, (400, {"error": "invalid_json_payload"})),
        ("delete", "video", {"indices": [1]}, (200, {"status": "not_playlist"})),
        ("delete", "done", {}, (200, {"status": "no_entries"})),
        (
            "delete",
            "done",
            {"indices": [1, 99], "entry_ids": ["nope"]},
            (
                200,
                {
                    "status": "entries_removed",
                    "removed_indices": [1],
                    "invalid_indices": [99],
                    "missing_entry_ids": ["nope"],
                },
            ),
        ),
        ("delete", "busy", {"indices": [1]}, (200, {"status": "running"})),
        ("selection", "done", {"indices": [1]}, (409, {"status": "completed", "reason": "job_terminated"})),
        (
            "selection",
            "busy",
            {"indices": [1]},
            (200, {"selection": "all", "reason": "playlist_selection_locked"}),
        ),
        ("selection", "choosing", {"indices": 5}, (400, {"detail": "indices must be a list"})),
        ("selection", "choosing", {"indices": ["x"]}, (400, {"detail": "indices must be integers"})),
        ("selection", "choosing", {"indices": [99]}, (400, {"error": "invalid_json_payload"})),
        (
            "selection",
            "choosing",
            {"indices": [3, "1", 2, -5]},
            (200, {"selection": "all", "status": "starting"}),
        ),
        ("selection", "choosing", {}, (200, {"selection": "all", "status": "starting"})),
    ],
)
def test_list_commands_answer_by_the_book(
    served: Shim, name: str, job: str, body: Any, expected: tuple[int, dict[str, Any]]
) -> None:
    """Section 2.5."""
    add_job(served.state, "video", status=S.COMPLETED, kind=JobKind.VIDEO)
    add_list(served.state, "done", status=S.COMPLETED)
    add_list(served.state, "busy", status=S.RUNNING)
    add_list(served.state, "choosing", status=S.STARTING, selection_required=True)
    with served.client() as client:
        reply = client.post(f"/api/jobs/{job}/playlist/{name}", json=body)

    assert reply.status_code == expected[0], reply.text
    assert reply.json() | expected[1] == reply.json()


def test_a_jobs_payloads_pass_the_clients_casts(served: Shim) -> None:
    """Section 9 over every form of a job there is, and no null anywhere."""
    add_list(served.state, "list1", status=S.RUNNING, selection="1-2")
    served.state.entries("list1").update(2, status=EntryStatus.FAILED, error="no", error_at=LOG.timestamp)
    served.state.entries("list1").update(
        1, status=EntryStatus.ACTIVE, progress=JobProgress(percent=1.5, speed=2.0)
    )
    figures = JobProgress(
        stage="downloading",
        percent=12.345,
        downloaded_bytes=5,
        total_bytes=50,
        eta=1,
        current_index=1,
        failed_items=1,
    )
    served.state.jobs.set_progress("list1", figures)
    room = Listener(served.socket_url("/ws/jobs/list1"), JOB_EVENTS)
    with served.client() as client:
        plain, detail = client.get("/api/jobs").json()["jobs"][0], client.get("/api/jobs/list1").json()
    casts.read_job(plain, "list")
    casts.read_detail(detail, "detail")
    room.wait_for("progress")
    room.close()

    assert plain["status_hint"] == "running_with_errors"
    assert plain["progress"]["percent"] == 12.35
    assert plain["progress"]["remaining_bytes"] == 45
    assert plain["playlist"]["selected_indices"] == [1, 2]
    assert detail["playlist"]["entries"][0]["progress_snapshot"]["speed"] == 2.0
    assert detail["playlist_entry_errors"][0]["message"] == "no"
    assert room.names()[:3] == ["update(initial_sync)", "playlist_snapshot", "progress"]
