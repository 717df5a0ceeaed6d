"""The server's background work is looked for once a second."""

from __future__ import annotations

import asyncio

import pytest
from docket import Docket, Worker
from prefect.server.api import background_workers

from vidra.engine.lifecycle.rounds import ROUND, look_seldom


def test_prefects_server_makes_workers_that_look_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """The module must still have the name, and its class take the two intervals."""
    monkeypatch.setitem(background_workers.__dict__, "Worker", background_workers.__dict__["Worker"])
    look_seldom()

    async def made() -> Worker:
        async with Docket(name="rounds", url="memory://rounds") as docket:
            worker: Worker = background_workers.__dict__["Worker"](docket)
            return worker

    worker = asyncio.run(made())
    assert (worker.scheduling_resolution, worker.minimum_check_interval) == (ROUND, ROUND)
