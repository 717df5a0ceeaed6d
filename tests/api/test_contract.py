from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.filling import add_job, add_list
from tests.api.serving import Shim, settings_in, shim, until
from tests.api.simulator import JOB_EVENTS, Listener
from vidra.media.interface import Listing, MediaEntry
from vidra.state.interface import DesiredState, JobKind, JobStatus

S = JobStatus


def _refused(served: Shim, method: str, path: str, body: Any = None) -> tuple[int, str, Any]:
    with served.client() as client:
        reply = client.request(method, path, json=body) if body is not None else client.request(method, path)
    found = reply.json()
    return reply.status_code, found.get("error"), found.get("detail")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/jobs/nobody", 404, "job_not_found"),
        ("/api/jobs/nobody/options", 404, "job_not_found"),
        ("/api/jobs/nobody/options?since=x", 404, "job_not_found"),
        ("/api/jobs/job1/options?since=x", 400, "since_must_be_integer"),
        ("/api/jobs/job1/options?entry_index=x", 400, "entry_index_invalid"),
        ("/api/jobs/nobody/logs", 404, "job_not_found"),
        ("/api/jobs/nobody/logs?since=x", 400, "since_must_be_integer"),
        ("/api/jobs/nobody/logs?limit=x", 400, "limit_must_be_integer"),
        ("/api/jobs/job1/logs?limit=0", 400, "limit_greater_than_zero"),
        ("/api/jobs/nobody/playlist", 404, "job_not_found"),
        ("/api/jobs/job1/playlist", 404, "playlist_entries_unavailable"),
        ("/api/jobs/job1/playlist/items", 404, "playlist_metadata_unavailable"),
        ("/api/jobs/job1/playlist/items/delta", 404, "playlist_metadata_unavailable"),
        ("/api/jobs/list1/playlist/items/delta?since=x", 400, "since_must_be_integer"),
        ("/api/jobs/list1/playlist?offset=x", 400, "offset_must_be_integer"),
        ("/api/jobs/list1/playlist?offset=-1", 400, "offset_must_be_non_negative"),
        ("/api/jobs/list1/playlist/items?limit=0", 400, "limit_greater_than_zero"),
    ],
)
def test_wrong_questions_have_their_codes(served: Shim, path: str, status: int, code: str) -> None:
    """Section 2.2, and which of two complaints comes first."""
    add_job(served.state, "job1", kind=JobKind.VIDEO)
    add_list(served.state, "list1")

    assert _refused(served, "GET", path)[:2] == (status, code)


@pytest.mark.parametrize(
    ("body", "code", "detail"),
    [
        ({}, "urls_required", None),
        ({"urls": []}, "urls_required", None),
        ({"urls": ["  ", ""]}, "urls_required", None),
        ({"urls": [1]}, "invalid_json_payload", {"urls": ["expected a string or a list of strings"]}),
        ({"url": 5}, "invalid_json_payload", {"url": ["expected a string"]}),
        (
            {"urls": "http://127.0.0.1/", "options": []},
            "invalid_json_payload",
            {"options": ["expected an object"]},
        ),
        (
            {"urls": "http://127.0.0.1/", "metadata": 1},
            "invalid_json_payload",
            {"metadata": ["expected an object"]},
        ),
        ([], "invalid_json_payload", {"json": "JSON object required"}),
    ],
)
def test_a_wrong_job_request_is_a_400(served: Shim, body: Any, code: str, detail: Any) -> None:
    """Section 2.3; the reference answered 500 to some of these."""
    assert _refused(served, "POST", "/api/jobs", body) == (400, code, detail)


def test_both_spellings_and_several_urls_in_one_text_are_understood(served: Shim) -> None:
    """Android joins addresses with line breaks; the product's own description is not the video's."""
    body = {
        "urls": " http://127.0.0.1/a\nhttp://127.0.0.1/b ",
        "url": "http://127.0.0.1/c",
        "owner": "ana",
        "creator": "bob",
        "metadata": {
            "client": "vidra",
            "description": "our product",
            "playlistTitle": "P",
            "thumbnail_url": "http://t",
        },
    }
    with served.client() as client:
        created = client.post("/api/jobs", json=body)
        job = client.get(f"/api/jobs/{created.json()['job_id']}").json()

    assert created.status_code == 201
    assert created.json() | {"job_id": "", "created_at": ""} == {
        "job_id": "",
        "status": "starting",
        "created_at": "",
        "stage": "IDENTIFICANDO",
        "stage_name": "IDENTIFICANDO",
        "stage_percent": 0.0,
        "percent": 0.0,
        "message": "Identificando el contenido",
    }
    assert [url[-1] for url in job["urls"]] == ["a", "b", "c"]
    assert job["creator"] == "ana"
    assert job["metadata"] == {
        "playlist_title": "P",
        "thumbnail_url": "http://t",
        "requires_playlist_selection": False,
    }


def test_the_list_is_oldest_first_with_filters(served: Shim) -> None:
    """Status in any case, owner exact; the summary counts all jobs."""
    add_job(served.state, "b", created_at="2026-11-20T20:21:59.418625Z", status=S.COMPLETED, creator="ana")
    add_job(served.state, "a", created_at="2026-11-20T20:21:58.418625Z", status=S.RUNNING)
    with served.client() as client:
        everything = client.get("/api/jobs/").json()
        done = client.get("/api/jobs?status=COMPLETED&owner=ana").json()

    assert [job["job_id"] for job in everything["jobs"]] == ["a", "b"]
    assert [job["job_id"] for job in done["jobs"]] == ["b"]
    assert done["summary"] == {
        "total": 2,
        "active": 1,
        "queued": 0,
        "status_counts": {"completed": 1, "running": 1},
    }


@pytest.mark.parametrize(
    ("status", "pause", "resume", "cancel", "retry", "delete"),
    [
        (S.QUEUED, (200, "paused"), 409, (200, "cancelled"), (200, "queued"), 409),
        (S.STARTING, (200, "pausing"), 409, (200, "cancelling"), 409, 409),
        (S.RUNNING, (200, "pausing"), 409, (200, "cancelling"), (200, "running"), 409),
        (S.RETRYING, (200, "pausing"), 409, (200, "cancelling"), 409, 409),
        (S.PAUSED, (200, "paused"), (200, "running"), (200, "cancelled"), (200, "queued"), 409),
        (S.FAILED, 409, (200, "running"), (200, "cancelled"), (200, "queued"), (200, "deleted")),
        (S.CANCELLED, 409, 409, (200, "cancelled"), (200, "queued"), (200, "deleted")),
        (S.COMPLETED, 409, 409, (200, "completed"), (200, "queued"), (200, "deleted")),
        (
            S.COMPLETED_WITH_ERRORS,
            (200, "completed_with_errors"),
            409,
            (200, "completed_with_errors"),
            (200, "queued"),
            (200, "deleted"),
        ),
    ],
    ids=str,
)
def test_every_command_in_every_status(
    served: Shim, status: JobStatus, pause: Any, resume: Any, cancel: Any, retry: Any, delete: Any
) -> None:
    """The state machine of section 4.2, each command on a job of its own that nobody works on."""
    wanted = {"pause": pause, "resume": resume, "cancel": cancel, "retry": retry, "": delete}
    with served.client() as client:
        for name, expected in wanted.items():
            job_id = f"job-{name or 'delete'}"
            add_job(served.state, job_id, status=status, kind=JobKind.VIDEO)
            method, path = ("POST", f"/{name}") if name else ("DELETE", "")
            lock = served.state.job_lock(job_id) if name else contextlib.nullcontext()
            with lock:  # somebody works on it, so that a wish is not settled at once
                reply = client.request(method, f"/api/jobs/{job_id}{path}")
            found = reply.json()
            if expected == 409:
                code = "job_status_conflict" if name else "job_delete_conflict_active"
                assert (reply.status_code, found["error"], found["detail"]) == (409, code, status.value), name
            else:
                assert (reply.status_code, found["status"]) == expected, name


def test_a_wish_is_settled_when_nobody_works_on_the_job(served: Shim) -> None:
    """The run was killed: the job still becomes what was asked for."""
    add_job(served.state, "p", status=S.PAUSING, desired=DesiredState.PAUSE, kind=JobKind.VIDEO)
    add_job(served.state, "c", status=S.CANCELLING, desired=DesiredState.CANCEL, kind=JobKind.VIDEO)
    add_job(served.state, "u", status=S.CANCELLING, desired=DesiredState.CANCEL)
    until(lambda: [j.status for j in served.state.jobs.list()] == [S.PAUSED, S.CANCELLED], "both are settled")

    assert {job.job_id for job in served.state.jobs.list()} == {"p", "c"}


def test_a_job_outlives_an_engine_that_is_away(served: Shim) -> None:
    """It is stored, stays queued, and is started when the engine is back."""
    served.engine.away = True
    with served.client() as client:
        created = client.post("/api/jobs", json={"urls": "http://127.0.0.1/x"})
        assert (created.status_code, created.json()["status"]) == (201, "queued")
        served.engine.away = False
        until(lambda: served.engine.asked, "the run is asked for")


def test_bulk_cancel_takes_ids_or_everything(served: Shim) -> None:
    """Both spellings, one text for one id, and a scope."""
    for job_id in ("a", "b", "c"):
        add_job(served.state, job_id, status=S.PAUSED, creator="ana" if job_id == "c" else None)
    with served.client() as client:
        named = client.post("/api/jobs/cancel", json={"jobIds": ["a", "nobody"]}).json()
        owners = client.post("/api/jobs/cancel", json={"scope": "all", "owner": "ana"}).json()

    assert named == {
        "results": [{"job_id": "a", "status": "cancelled"}, {"job_id": "nobody", "status": "not_found"}]
    }
    assert owners == {"results": [{"job_id": "c", "status": "cancelled"}]}
    assert _refused(served, "POST", "/api/jobs/cancel", {}) == (
        400,
        "invalid_json_payload",
        "job_ids or scope required",
    )
    assert _refused(served, "POST", "/api/jobs/cancel", {"scope": "x"})[2] == "unsupported scope: x"


def test_a_job_that_was_never_identified_says_so_in_the_contracts_words(served: Shim) -> None:
    """Section 4.2; what fails later, or was cancelled, is told as it is."""
    add_job(served.state, "early", status=S.FAILED, error="gone")
    add_job(served.state, "late", status=S.FAILED, error="gone", kind=JobKind.VIDEO)
    add_job(served.state, "stopped", status=S.CANCELLED, error="gone")
    room = Listener(served.socket_url("/ws/jobs/early"), JOB_EVENTS)
    room.wait_for("update(initial_sync)")
    room.close()
    with served.client() as client:
        told = {job["job_id"]: job["error"] for job in client.get("/api/jobs").json()["jobs"]}

    early = "No se pudo generar la vista previa: gone"
    assert told == {"early": early, "late": "gone", "stopped": "gone"}
    assert room.payloads("update")[0]["error"] == early


class _Previewer:
    async def preview(self, url: str, options: Any) -> Listing:
        del options
        entry = MediaEntry(key="x 1", url=url, id="1", title="A title", duration=62.0)
        return Listing(url=url, is_playlist=False, entries=(entry,))


def test_preview_and_dry_run_are_behind_their_flag(served: Shim, tmp_path: Path) -> None:
    """Without it they are not there; with it they store nothing."""
    body = {"urls": "http://127.0.0.1/x", "options": {"retries": 3, "password": "hunter22"}}
    with served.client() as client:
        assert client.post("/api/preview", json=body).status_code == 404
    settings = settings_in(tmp_path / "other", preview_api=True)
    with shim(tmp_path, settings=settings, previewer=_Previewer()) as other, other.client() as client:
        shown = client.post("/api/preview", json=body).json()["preview"]
        dry = client.post("/api/jobs/dry-run", json=body).json()
        bad = client.post("/api/jobs/dry-run", json={"urls": "http://127.0.0.1/x", "options": {"exec": "id"}})
        stored = other.state.jobs.list()

    assert (shown["title"], shown["duration_text"], shown["is_playlist"]) == ("A title", "1:02", False)
    assert dry["options"]["retries"] == 3
    assert "hunter22" not in str(dry)
    assert (bad.status_code, bad.json()["error"]) == (400, "dry_run_failed")
    assert stored == []


def test_a_supervised_server_can_be_asked_to_stop(served: Shim, tmp_path: Path) -> None:
    """It answers, lets its streams go, and ends; a server nobody supervises does not know the route."""
    with served.client() as client:
        assert client.post("/api/shutdown").status_code == 404
    with shim(tmp_path / "other", supervised=True) as other, other.client() as client:
        listener = Listener(other.socket_url("/ws/overview"), JOB_EVENTS)
        assert httpx.post(f"{other.base}/api/shutdown").status_code == 401
        assert client.post("/api/shutdown").json() == {"status": "stopping"}
        until(lambda: not other.thread.is_alive(), "the server ends", within=5)
        until(lambda: listener.closed_with == 1012, "the stream was told why")


def test_what_a_client_knows_of_the_content_is_shown_until_the_run_knows(served: Shim) -> None:
    """Section 2.3: `preview` and `playlist` of `metadata`, both spellings; flags decide nothing."""
    preview = {"title": "Seen", "thumbnailUrl": "http://127.0.0.1/t.jpg", "tags": [1], "uploader": "x"}
    metadata = {
        "preview": preview, "playlist": {"playlistId": "PL9", "title": "A list"}, "isPlaylist": True,
        "requires_playlist_selection": False,
    }  # fmt: skip
    with served.client() as client:
        body = {"urls": "http://127.0.0.1/x", "metadata": metadata}
        job_id = client.post("/api/jobs", json=body).json()["job_id"]
        shown = client.get(f"/api/jobs/{job_id}").json()["metadata"]
        wrong = [
            client.post("/api/jobs", json={"urls": "http://127.0.0.1/x", "metadata": {name: 5}})
            for name in ("preview", "playlist", "is_playlist", "requiresPlaylistSelection")
        ]

    expected = {"title": "Seen", "thumbnail_url": "http://127.0.0.1/t.jpg"}
    expected |= {"playlist_id": "PL9", "playlist_title": "A list"}
    assert shown | expected == shown
    assert "is_playlist" not in shown
    assert [reply.status_code for reply in wrong] == [400] * 4


def test_profiles_and_unknown_paths_answer_by_the_book(served: Shim) -> None:
    """Plain text for what is not there."""
    with served.client() as client:
        assert client.get("/api/profiles").json() == {"profiles": [], "message": "profiles_not_implemented"}
        unknown, method = client.get("/api/nothing"), client.put("/api/jobs")
    assert (unknown.status_code, unknown.text, unknown.headers["content-type"]) == (
        404,
        "Not Found",
        "text/plain; charset=utf-8",
    )
    assert (method.status_code, method.text) == (405, "Method Not Allowed")
