"""Sends hostile requests to a shim in a process of its own, and looks at what it did."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.api.filling import add_job, add_list
from tests.api.hostility import CANARY, SECRETS, Ground
from vidra.state import open_state

TOKEN = "besieged-token-0123456789-0123456789-0123456789"


def besiege(folder: Path, count: int) -> None:
    """Send so many: none ends in a 5xx, nothing is echoed, started, dialled, or written outside."""
    with _watched(folder) as (base, process):
        with open_state(folder / "data") as state:
            add_job(state, "job1")
            add_list(state, "list1")
        with httpx.Client(base_url=base, headers={"X-API-Token": TOKEN}, timeout=40) as client:
            answers = _assault(client, count)
            _keep_secrets(client)
            assert client.get("/healthz").status_code == 200
        assert process.children(recursive=True) == []
    deeds = json.loads((folder / "deeds.json").read_text(encoding="utf-8"))
    done = {name: dict(Counter(found)) for name, found in deeds.items()}
    sys.stdout.write(f"{count} hostile requests: {dict(sorted(answers.items()))}, {done}\n")

    assert (deeds["written"], deeds["started"]) == ([], [])
    assert {one for one in deeds["dialled"] if not Path(one).is_relative_to(folder)} <= {"127.0.0.1"}
    log = (folder / "log.txt").read_bytes()
    assert (b"\x1b" in log, b"\r" in log) == (False, False), "API-13"
    assert _found_in(folder, CANARY) == []
    assert _found_in(folder, TOKEN) == []


@contextmanager
def _watched(folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    command = [sys.executable, "-m", "tests.api.watched", str(folder)]
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "PREFECT_HOME": str(folder / "prefect")}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        program.stdin.write(f"{TOKEN}\n")
        program.stdin.flush()
        try:
            yield program.stdout.readline().strip(), psutil.Process(program.pid)
        finally:
            program.terminate()
        assert program.wait(30) == 0


def _assault(client: httpx.Client, count: int) -> Counter[int]:
    """Return how many answers there were of each status."""
    seed = int(os.environ.get("VIDRA_TEST_SEED", random.randrange(2**32)))
    ground = Ground.of(client.get("/api/v1/openapi.json").json())
    assert len(ground.paths) > 60
    answers: Counter[int] = Counter()
    for number, (method, path, request) in enumerate(ground.requests(random.Random(seed), count)):
        context = f"seed {seed}, request {number}: {method} {path} {request}"
        try:
            reply = client.request(method, path, **request)
        except httpx.InvalidURL:
            continue
        answers[reply.status_code] += 1
        assert reply.status_code < 500, f"{context} → {reply.status_code} {reply.text}"
        assert CANARY not in reply.text, context
        assert TOKEN not in reply.text, context
    return answers


def _keep_secrets(client: httpx.Client) -> None:
    """Sign in with secrets that are taken: neither the answer nor the job shows them."""
    asked: list[dict[str, Any]] = [{"urls": "http://127.0.0.1:1/x", "options": secret} for secret in SECRETS]
    fine = [client.post("/api/jobs", json=body) for body in asked]
    assert [reply.status_code for reply in fine].count(201) >= 3
    shown = [client.get(f"/api/jobs/{reply.json()['job_id']}") for reply in fine if reply.status_code == 201]
    assert CANARY not in "".join(reply.text for reply in (*fine, *shown))


def _found_in(folder: Path, secret: str) -> list[Path]:
    needle = secret.encode()
    return [path for path in folder.rglob("*") if path.is_file() and needle in path.read_bytes()]
