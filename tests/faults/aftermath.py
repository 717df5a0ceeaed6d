"""What must hold after any fault: files whole, nothing fetched twice, Prefect's books in order."""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.cli.shell import Shell, environment
from vidra.engine.environment import applied
from vidra.engine.http_api import HttpApi
from vidra.engine.lifecycle.running import engine_environment
from vidra.engine.runs import RunInfo, told_run
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


def media_data(file: Path) -> bytes:
    """Return pictures and sound of an MP4 file: tags written into it change everything else."""
    content = file.read_bytes()
    box = content.index(b"mdat") - 4
    return content[box + 8 : box + int.from_bytes(content[box : box + 4])]


def bytes_per_address(shell: Shell, containing: str) -> dict[str, int]:
    """Return how many bytes of each file the site has sent."""
    sent: defaultdict[str, int] = defaultdict(int)
    for request in shell.site.requests(containing):
        if request.path.startswith("/f/") and request.method == "GET":
            sent[request.path] += request.sent
    return dict(sent)


def under_way(shell: Shell, containing: str) -> int:
    """Return how many files the site is sending this moment."""
    asked = [one for one in shell.site.requests(containing) if one.path.startswith("/f/")]
    return len([one for one in asked if one.method == "GET" and one.until is None])


def all_arrived(shell: Shell, original: Path, *, number: int, containing: str, seed: int) -> None:
    """Check that every file is there and whole, and at most one of them was fetched twice."""
    assert len(shell.shelf()) == number, seed
    assert damaged(shell, original) == [], seed
    sent = bytes_per_address(shell, containing)
    assert len(sent) == number, seed
    twice = {path: count for path, count in sent.items() if count > original.stat().st_size * 1.9}
    assert len(twice) <= 1, (seed, twice)
    assert list(shell.root.rglob("*.part")) == [], seed


def flow_runs(shell: Shell) -> list[RunInfo]:
    """Return the runs that have begun, the newest first, as Prefect has them."""
    begun = {"state": {"type": {"not_any_": ["SCHEDULED"]}}}
    order = {"sort": "EXPECTED_START_TIME_DESC", "limit": 200}
    return [told_run(run) for run in _asked(shell, "/flow_runs/filter", {"flow_runs": begun, **order})]


def unfinished_runs(shell: Shell) -> list[RunInfo]:
    """Return the flow runs that Prefect shows as under way."""
    return [run for run in flow_runs(shell) if not run.final]


def runs_of(shell: Shell, containing: str) -> list[str]:
    """Return how the flow runs of the jobs stand whose address contains the text."""
    wanted = {run for job in jobs(shell) if containing in job["urls"][0] for run in job["flow_run_ids"]}
    return [run.state_type for run in flow_runs(shell) if run.flow_run_id in wanted]


def active_slots(shell: Shell) -> int:
    """Return how many slots of all global limits are taken (PF-06)."""
    limits = _asked(shell, "/v2/concurrency_limits/filter", {"limit": 200})
    return sum(limit["active_slots"] for limit in limits if not limit["slot_decay_per_second"])


def moment_of(shell: Shell, run_id: str, state_type: str) -> float:
    """Return when (Unix time) a run came into a state of this type for the first time."""
    asked = f"/flow_run_states/?flow_run_id={run_id}"
    states = _asked(shell, asked, None)
    moments = (state["timestamp"] for state in states if state["type"] == state_type)
    return min(datetime.fromisoformat(moment).timestamp() for moment in moments)


def _asked(shell: Shell, path: str, body: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Ask the engine's Prefect server."""

    async def ask() -> Any:
        async with HttpApi() as api:
            return await (api.get(path) if body is None else api.query(path, body))

    environ = environment() | shell.variables
    reach = engine_environment(load_settings(config=shell.config, environ=environ))
    assert reach is not None
    with applied(reach | shell.variables):
        answer: list[dict[str, Any]] = asyncio.run(ask())
    return answer
