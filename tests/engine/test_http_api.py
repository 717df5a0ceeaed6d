"""Asking for runs over plain HTTP: without Prefect, and with patience."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from vidra.engine import runs
from vidra.engine.environment import child_environment
from vidra.engine.http_api import HttpApi
from vidra.engine.server import EmbeddedServer
from vidra.errors import EngineError, EngineUnreachable

_ASK = """
import asyncio, sys
import vidra.cli.execution, vidra.engine.triggered
from vidra.engine import runs
run = asyncio.run(runs.trigger("doubled/test", {"number": 2}))
asyncio.run(runs.cancel(run.flow_run_id))
print(asyncio.run(runs.read(run.flow_run_id)).state_type)
print([name for name in ("prefect", "yt_dlp") if name in sys.modules])
"""


@contextmanager
def _answering(statuses: list[int]) -> Iterator[tuple[str, list[str]]]:
    """Serve a Prefect that gives these answers in turn; yield its address and what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(200, {"token": "made-up"})

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


def test_a_busy_server_is_asked_again() -> None:
    """503 is Prefect's answer to a locked database; a stale token is replaced on the way."""
    with _answering([503, 403, 201]) as (url, asked):
        assert asyncio.run(_post(url)) == {"id": "x", "detail": "Invalid CSRF token"}

    assert asked == ["made-up"] * 3


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
