"""Runs of flows that report to their switch, and whose failures are told."""

from __future__ import annotations

import asyncio
import inspect
import json
from typing import Any
from uuid import UUID

import pytest
from prefect.client.schemas.objects import State

from tasks.reported import reported
from tests.notices.receiver import Receiver
from tests.notices.test_runs import events, key, pings
from tests.subscriptions.studio import Studio
from vidra.engine import runs
from vidra.engine.deployments.applying import apply_deployments
from vidra.engine.deployments.declarations import Declaration
from vidra.engine.interface import FlowOutcome
from vidra.engine.worker.execution import execute, execute_existing, load_flow
from vidra.media.request import DownloadRequest

__all__ = ["key"]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def declare(studio: Studio, receiver: Receiver, *flows: str, **channel: Any) -> None:
    """Declare one channel, and switches for these deployments."""
    hook = {"webhook": receiver.url("/hook"), "signing_key": "secret:key", **channel}
    kinds = ("start", "success", "fail")
    switches = {flow: {kind: receiver.url(f"/{flow}/{kind}") for kind in kinds} for flow in flows}
    notices = {"channels": {"hook": hook}, "pings": switches}
    studio.workshop.write_config(f"notifications: {json.dumps(notices)}\n")


def run(flow: str, request: dict[str, Any]) -> FlowOutcome:
    """Run a flow in this process against the real server."""
    entrypoint = f"flows.{flow}.{flow}"
    done = execute(load_flow(entrypoint), {"request": request}, asked=lambda: None, on_created=lambda _: None)
    return done.result(90)


@pytest.mark.parametrize("flow", ["connection_scoring", "library_sync", "library_refresh"])
def test_a_flow_reports_start_and_success(studio: Studio, flow: str) -> None:
    """By the name of its deployment; other switches hear nothing, and a good run is no news."""
    name = flow.replace("_", "-")
    with Receiver() as receiver:
        declare(studio, receiver, name, "backend-watchdog")
        run(flow, {})
    assert pings(receiver) == [f"/{name}/start", f"/{name}/success"]
    assert events(receiver) == []


def test_a_dry_run_reports_nothing(studio: Studio) -> None:
    """It is no run of the schedule."""
    with Receiver() as receiver:
        declare(studio, receiver, "connection-scoring")
        run("connection_scoring", {"dry_run": True})
    assert receiver.taken == []


def test_a_watchdog_that_cannot_look_is_told_once_with_the_reason(studio: Studio) -> None:
    """Nobody supervises: a failed state of the flow. Twice within six hours is one message."""
    with Receiver() as receiver:
        declare(studio, receiver, "backend-watchdog")
        run("backend_watchdog", {})
        run("backend_watchdog", {})
    assert pings(receiver) == ["/backend-watchdog/start", "/backend-watchdog/fail"] * 2
    assert events(receiver) == [[("failed", "flow:backend-watchdog")]]
    (message,) = [taken.document for taken in receiver.taken if taken.path == "/hook"]
    assert "no engine" in message["text"].lower() or "vidra up" in message["text"]


def test_a_flow_that_works_again_is_told_to_who_heard_of_its_failure(studio: Studio) -> None:
    """A broken configuration of sources, then a sound one; the third run is no news any more."""
    with Receiver() as receiver:
        declare(studio, receiver)
        broken = studio.data / "sources.json"
        broken.parent.mkdir(parents=True, exist_ok=True)
        broken.mkdir()
        run("connection_scoring", {})
        broken.rmdir()
        run("connection_scoring", {})
        run("connection_scoring", {})
    scoring = "flow:connection-scoring"
    assert events(receiver) == [[("failed", scoring)], [("recovered", scoring)]]


def test_a_job_that_cannot_begin_is_told(studio: Studio) -> None:
    """Its preset went since it was stored: no run of the job ever says so itself."""
    with Receiver() as receiver:
        declare(studio, receiver, "download-job")
        job = studio.workshop.submit(studio.url("/pages/feed-1.rss"), preset="best-video")
        with studio.workshop.state() as state:
            state.jobs.update(job.job_id, preset="gone")
        run("download_job", {"job_id": job.job_id})
    assert pings(receiver) == ["/download-job/start", "/download-job/fail"]
    assert events(receiver) == [[("failed", "flow:download-job")]]


async def _asks(request: DownloadRequest) -> State[None]:
    raise AssertionError(request)


def test_the_wrapper_keeps_the_function_s_signature() -> None:
    """Prefect reads the form of the flow from it."""
    shown = inspect.signature(reported("x")(_asks), eval_str=True)
    assert shown.parameters["request"].annotation is DownloadRequest


def test_a_deployment_of_one_s_own_reports_by_its_own_name(studio: Studio) -> None:
    """Two deployments of one flow are two schedules; the flow's own switch hears nothing."""
    with Receiver() as receiver:
        declare(studio, receiver, "scoring-at-night", "connection-scoring")
        asyncio.run(_run_deployed("scoring-at-night"))
    assert pings(receiver) == ["/scoring-at-night/start", "/scoring-at-night/success"]


async def _run_deployed(name: str) -> None:
    """Deploy the flow under that name, and run it as a worker's child does."""
    declared = Declaration(
        name=name, entrypoint="flows.connection_scoring.connection_scoring", pool="tests",
        parameters={"request": {}},
    )  # fmt: skip
    await apply_deployments([declared])
    asked = await runs.trigger(f"connection-scoring/{name}", {"request": {}})
    async with runs.connected_client() as client:
        run = await client.read_flow_run(UUID(asked.flow_run_id))
    done = execute_existing(load_flow(declared.entrypoint), run, asked=lambda: None)
    await asyncio.to_thread(done.result, 90)
