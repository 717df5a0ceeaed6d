from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.api.serving import Shim

RUNS = "/api/v1/flows/download-job/runs"
BODY = {"parameters": {"request": {"urls": ["http://127.0.0.1/x"], "options": {"retries": 2}}}}


def test_flows_come_with_the_schema_of_their_parameters(served: Shim) -> None:
    """Enough for a program to make a form of."""
    with served.client() as client:
        flows = client.get("/api/v1/flows").json()["flows"]
        one = client.get("/api/v1/flows/download-job").json()

    assert {flow["name"] for flow in flows} == {"download-job", "library-sync"}
    assert "urls" in one["parameters"]["properties"]["request"]["properties"]


def test_a_download_becomes_a_job_and_a_run(served: Shim) -> None:
    """202 with both ids; the run is read, listed, its log paged, and cancelled with its job."""
    with served.client() as client:
        accepted = client.post(RUNS, json=BODY)
        run_id, job_id = accepted.json()["run_id"], accepted.json()["job_id"]
        run = client.get(f"/api/v1/runs/{run_id}").json()
        listed = client.get("/api/v1/runs?flow=download-job&state=scheduled").json()["runs"]
        logs = client.get(f"/api/v1/runs/{run_id}/logs?offset=1").json()["logs"]
        cancelled = client.post(f"/api/v1/runs/{run_id}/cancel")

    assert accepted.status_code == 202
    assert (run["job_id"], run["state"]) == (job_id, "scheduled")
    assert [found["run_id"] for found in listed] == [run_id]
    assert [line["message"] for line in logs] == ["line 1", "line 2"]
    assert (cancelled.status_code, cancelled.json()["state"]) == (202, "cancelled")
    assert served.engine.cancelled == [run_id]


def test_the_same_key_fifty_times_at_once_is_one_job(served: Shim) -> None:
    """API-19."""

    def ask(_: int) -> tuple[str, str]:
        with served.client(**{"Idempotency-Key": "the-same"}) as client:
            accepted = client.post(RUNS, json=BODY).json()
        return accepted["job_id"], accepted["run_id"]

    with ThreadPoolExecutor(10) as threads:
        answers = set(threads.map(ask, range(50)))

    assert len({job_id for job_id, _ in answers}) == 1
    assert len(served.state.jobs.list()) == 1
    assert len(served.engine.asked) == 1


def test_a_key_used_for_something_else_is_refused(served: Shim) -> None:
    """Silently answering with the other job would be worse."""
    other = {"parameters": {"request": {"urls": ["http://127.0.0.1/other"]}}}
    with served.client(**{"Idempotency-Key": "k"}) as client:
        client.post(RUNS, json=BODY)
        refused = client.post(RUNS, json=other)

    assert refused.status_code == 400
    assert "idempotency key" in refused.json()["detail"]


def test_a_flow_that_is_no_download_is_triggered_as_it_stands(served: Shim) -> None:
    """Its parameters are the engine's to check."""
    with served.client() as client:
        accepted = client.post("/api/v1/flows/library-sync/runs", json={"parameters": {}})

    assert (accepted.status_code, accepted.json()["job_id"]) == (202, None)
    assert served.engine.asked == [("library-sync", {})]


def test_refusals_are_problems(served: Shim) -> None:
    """RFC 9457: typed, titled, with a text that helps; what was sent is not echoed."""
    wrong = {"parameters": {"request": {"urls": ["http://127.0.0.1/x"], "colour": "canary"}}}
    with served.client() as client, served.stranger() as stranger:
        replies = [
            client.get("/api/v1/flows/nope"),
            client.get("/api/v1/nope"),
            client.put("/api/v1/flows"),
            client.get("/api/v1/runs/nope"),
            client.get("/api/v1/runs?limit=0"),
            client.post(RUNS, json=wrong),
            client.post(RUNS, json={"colour": "canary"}),
            stranger.get("/api/v1/flows"),
            client.post(RUNS, content=b"{", headers={"content-type": "application/json"}),
        ]
    assert [reply.status_code for reply in replies] == [404, 404, 405, 404, 422, 422, 422, 401, 400]
    for reply in replies:
        assert reply.headers["content-type"] == "application/problem+json"
        assert {"type", "title", "status", "code"} <= reply.json().keys()
        assert "canary" not in reply.text


def test_readiness_and_metrics_tell_how_it_stands(served: Shim) -> None:
    """Ready only while the engine answers; routes are counted by their template."""
    with served.client() as client:
        checks = {"state": True, "engine": True}
        assert client.get("/readyz").json() == {"status": "ready", "checks": checks}
        served.engine.away = True
        assert client.get("/readyz").status_code == 503
        client.get("/api/jobs/secret-id")
        text = client.get("/metrics").text

    assert 'route="/api/jobs/{job_id}",status="404"' in text
    assert "secret-id" not in text
    assert 'vidra_jobs{status="running"} 0.0' in text
