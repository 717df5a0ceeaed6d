"""What must hold after any fault: files whole, nothing fetched twice, Prefect's books in order."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from tests.cli.shell import Shell
from vidra.engine.environment import applied
from vidra.engine.lifecycle.running import engine_environment
from vidra.settings import load_settings

DONE = frozenset({"completed"})


def finished(shell: Shell) -> bool:
    """Return whether every job has arrived; a job that failed is told at once."""
    there = jobs(shell)
    statuses = [job["status"] for job in there]
    assert "failed" not in statuses, there
    return bool(statuses) and all(status in DONE for status in statuses)


def jobs(shell: Shell) -> list[dict[str, Any]]:
    """Read the jobs as another process does; quicker than the command line, which starts an interpreter."""
    from vidra.state import open_state

    state = open_state(shell.data)
    try:
        return [job.model_dump(mode="json") for job in state.jobs.list()]
    finally:
        state.close()


def damaged(shell: Shell, original: Path) -> list[str]:
    """Return the files of the library that are not, byte for byte, what the site has."""
    wanted = hashlib.sha256(original.read_bytes()).hexdigest()
    library = shell.root / "library"
    return [
        name for name in shell.shelf() if hashlib.sha256((library / name).read_bytes()).hexdigest() != wanted
    ]


def bytes_per_address(shell: Shell, containing: str) -> dict[str, int]:
    """Return how many bytes of each file the site has sent."""
    sent: defaultdict[str, int] = defaultdict(int)
    for request in shell.site.requests(containing):
        if request.path.startswith("/f/") and request.method == "GET":
            sent[request.path] += request.sent
    return dict(sent)


def all_arrived(shell: Shell, original: Path, *, number: int, containing: str, seed: int) -> None:
    """Check that every file is there and whole, and at most one of them was fetched twice."""
    assert len(shell.shelf()) == number, seed
    assert damaged(shell, original) == [], seed
    sent = bytes_per_address(shell, containing)
    assert len(sent) == number, seed
    twice = {path: count for path, count in sent.items() if count > original.stat().st_size * 1.9}
    assert len(twice) <= 1, (seed, twice)
    assert list(shell.root.rglob("*.part")) == [], seed


def unfinished_runs(shell: Shell) -> list[dict[str, Any]]:
    """Return the flow runs of jobs that Prefect shows as under way."""
    listed: list[dict[str, Any]] = json.loads(shell.run("flow", "runs", "--json", "--limit", "200").stdout)
    return [run for run in listed if not run["final"] and run["job_id"]]


def runs_of(shell: Shell, containing: str) -> list[str]:
    """Return how the flow runs of the jobs stand whose address contains the text."""
    wanted = {job["job_id"] for job in jobs(shell) if containing in job["urls"][0]}
    listed: list[dict[str, Any]] = json.loads(shell.run("flow", "runs", "--json", "--limit", "200").stdout)
    return [run["state_type"] for run in listed if run["job_id"] in wanted]


def active_slots(shell: Shell) -> int:
    """Return how many slots of all global limits are taken (PF-06)."""
    import asyncio

    from vidra.engine.runs import connected_client

    async def count() -> int:
        async with connected_client() as client:
            limits = await client.read_global_concurrency_limits(limit=200, offset=0)
        return sum(limit.active_slots for limit in limits if not limit.slot_decay_per_second)

    environment = engine_environment(load_settings(config=shell.config, environ={}))
    assert environment is not None
    with applied(environment):
        return asyncio.run(count())
