"""Asking for runs over plain HTTP: without Prefect, and with patience."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import UUID

import pytest

from tests.api.serving import free_port
from vidra.engine import observing, runs
from vidra.engine.deployments.applying import apply_deployments
from vidra.engine.deployments.declarations import read_declarations
from vidra.engine.environment import child_environment
from vidra.engine.http_api import HttpApi
from vidra.engine.lifecycle.server import EmbeddedServer
from vidra.errors import EngineError, EngineUnreachable

_ASK = """
import asyncio, sys
import vidra.cli.execution, vidra.engine.jobs.triggered
from vidra.engine import runs
run = asyncio.run(runs.trigger("doubled/test", {"number": 2}))
asyncio.run(runs.cancel(run.flow_run_id))
print(asyncio.run(runs.read(run.flow_run_id)).state_type)
print([name for name in ("prefect", "yt_dlp") if name in sys.modules])
"""

_SERVE = """
import os, signal, sys, threading
import httpx
from tests.api.serving import until
from vidra.api.serve import main

def ask():
    headers, run = {"X-API-Token": os.environ["VIDRA_SERVER_TOKEN"]}, f"/api/v1/runs/{os.environ['RUN']}"
    with httpx.Client(base_url=os.environ["BASE"], headers=headers, timeout=30) as http:
        until(lambda: _is_up(http), "the shim is up", within=60)
        paths = ("/readyz", "/api/v1/flows", "/api/v1/runs?state=scheduled", run, f"{run}/logs")
        print(*(http.get(path).status_code for path in paths), http.post(f"{run}/cancel").status_code)
    print("prefect" in sys.modules)
    os.kill(os.getpid(), signal.SIGTERM)

def _is_up(http):
    try:
        return http.get("/healthz").is_success
    except httpx.TransportError:
        return False

threading.Thread(target=ask).start()
sys.exit(main([]))
"""


@contextmanager
def _answering(statuses: list[int]) -> Iterator[tuple[str, list[str]]]:
    """Serve a Prefect that gives these answers in turn; yield its address and what it was asked."""
    asked: list[str] = []
    tokens = itertools.count(1)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(200, {"token": f"made-up {next(tokens)}"})

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            asked.append(self.headers["Prefect-Csrf-Token"])
            self._answer(statuses[len(asked) - 1], {"id": "x", "detail": "Invalid CSRF token"})

        def _answer(self, status: int, body: dict[str, str]) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Retry-After", "0")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            """Keep the test's output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/api", asked
        server.shutdown()
        thread.join()


async def _post(url: str) -> object:
    async with HttpApi({"PREFECT_API_URL": url}) as api:
        return await api.post("/anything", {}, repeatable=False)


def test_preparing_beside_others_asks_for_no_second_token() -> None:
    """The server writes each down: thirty at once waited a minute for each other's lock on its database."""

    async def crowd(url: str) -> None:
        async with HttpApi({"PREFECT_API_URL": url}) as api:
            await asyncio.gather(*(api.prepare() for _ in range(10)))
            await api.post("/anything", {}, repeatable=False)

    with _answering([200]) as (url, asked):
        asyncio.run(crowd(url))
    assert asked == ["made-up 1"]


@pytest.mark.usefixtures("deployed")
def test_asking_for_a_run_imports_neither_prefect_nor_yt_dlp(server: EmbeddedServer) -> None:
    """They take 2 s to import, which is what a command is allowed to take in all."""
    environment = child_environment(server.environment, base=os.environ)

    answer = subprocess.run(
        [sys.executable, "-c", _ASK], env=environment, check=True, capture_output=True, text=True
    )

    state, imported = answer.stdout.splitlines()
    assert state in {"CANCELLING", "CANCELLED"}
    assert imported == "[]"


@pytest.mark.usefixtures("connected", "deployed")
def test_the_shim_never_imports_prefect(server: EmbeddedServer, tmp_path: Path) -> None:
    """It takes 30 MB in each process that does; what the shim asks of the server goes without."""
    port, run = str(free_port()), asyncio.run(runs.trigger("doubled/test", {"number": 2}))
    ours = {
        "BASE": f"http://127.0.0.1:{port}", "VIDRA_SERVER__PORT": port, "RUN": run.flow_run_id,
        "VIDRA_SERVER_TOKEN": "made-up-0123456789-0123456789-0123456789",
        "VIDRA_STORAGE__DATA_DIR": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2]),
    }  # fmt: skip
    environment = child_environment({**server.environment, **ours}, base=os.environ)

    answer = subprocess.run(
        [sys.executable, "-c", _SERVE],
        env=environment,
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
    )

    assert (answer.stdout.splitlines(), answer.returncode) == (["200 200 200 200 200 202", "False"], 0), (
        answer.stderr
    )


@pytest.mark.usefixtures("connected", "deployed")
def test_what_the_shim_is_told_of_flows_runs_and_logs_is_what_prefect_has() -> None:
    """Found by deployment and state, newest first, in pages; an unknown run is None."""
    first, second = [asyncio.run(runs.trigger("waiting/test", {"folder": "x"})) for _ in range(2)]
    deployment = asyncio.run(observing.found_run(first.flow_run_id))

    assert deployment is not None
    listed = partial(observing.listed_runs, deployment_id=deployment[1])
    pages = [asyncio.run(listed(limit=1, offset=offset))[0][0].flow_run_id for offset in (0, 1)]
    assert pages == [second.flow_run_id, first.flow_run_id]
    assert asyncio.run(listed(state_type="COMPLETED", limit=9, offset=0)) == []
    assert asyncio.run(observing.found_run(str(UUID(int=0)))) is None
    assert asyncio.run(observing.log_page(first.flow_run_id, limit=9, offset=0)) == []


@pytest.mark.usefixtures("connected", "deployed")
def test_a_deployment_made_anew_is_found_under_its_new_id() -> None:
    """Its id is remembered, and asked for again when the server does not know it any more."""
    before = asyncio.run(_deployment_of("breaking/test"))
    asyncio.run(_delete(before))
    asyncio.run(apply_deployments(read_declarations(Path(__file__).with_name("prefect.yaml"))))

    after = asyncio.run(_deployment_of("breaking/test"))

    assert after not in {before, None}


async def _deployment_of(name: str) -> str | None:
    run = await runs.trigger(name, {})
    await runs.cancel(run.flow_run_id)
    found = await observing.found_run(run.flow_run_id)
    assert found is not None
    return found[1]


async def _delete(deployment_id: str | None) -> None:
    async with runs.connected_client() as client:
        await client.delete_deployment(UUID(deployment_id))


def test_a_busy_server_is_asked_again() -> None:
    """503 is Prefect's answer to a locked database; a stale token is replaced on the way."""
    with _answering([503, 403, 201]) as (url, asked):
        assert asyncio.run(_post(url)) == {"id": "x", "detail": "Invalid CSRF token"}

    assert asked == ["made-up 1", "made-up 1", "made-up 2"]


def test_the_token_of_a_server_is_asked_for_once() -> None:
    """It is good for an hour; asking for one before each request would double the requests."""
    with _answering([201, 201]) as (url, asked):
        asyncio.run(_post(url))
        asyncio.run(_post(url))

    assert asked == ["made-up 1"] * 2


def test_a_refusal_is_told_once() -> None:
    """What is wrong stays wrong: no second try, and the answer's text is in the error."""
    with _answering([422]) as (url, asked), pytest.raises(EngineError, match="HTTP 422"):
        asyncio.run(_post(url))

    assert len(asked) == 1


def test_nobody_there_is_unreachable() -> None:
    """A closed port is not waited for."""
    with pytest.raises(EngineUnreachable, match="does not answer"):
        asyncio.run(_post("http://127.0.0.1:9/api"))


@pytest.mark.usefixtures("connected")
def test_what_does_not_exist_is_named() -> None:
    """An unknown deployment and an unknown run each say what lists the known ones."""
    with pytest.raises(EngineError, match="no deployment `nothing/here`; `vidra deploy`"):
        asyncio.run(runs.trigger("nothing/here", {}))
    with pytest.raises(EngineError, match="no flow run `nonsense`; `vidra flow runs`"):
        asyncio.run(runs.read("nonsense"))
