"""An idle server of Prefect looks seldom for something to do."""

from __future__ import annotations

import asyncio
import time

import pytest
from burner_redis import BurnerRedis  # type: ignore[import-untyped]  # ships no types
from burner_redis.pubsub import PubSub  # type: ignore[import-untyped]  # the same
from docket import Docket, Worker
from prefect.server.api import background_workers

from vidra.engine.lifecycle.rounds import ROUND, look_seldom


def test_prefects_server_makes_workers_that_look_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """The module must still have the name, and its class take the two intervals."""
    monkeypatch.setattr(PubSub, "_queue_get", vars(PubSub)["_queue_get"])
    monkeypatch.setitem(background_workers.__dict__, "Worker", background_workers.__dict__["Worker"])
    look_seldom()

    async def made() -> Worker:
        async with Docket(name="rounds", url="memory://rounds") as docket:
            worker: Worker = background_workers.__dict__["Worker"](docket)
            return worker

    worker = asyncio.run(made())
    assert (worker.scheduling_resolution, worker.minimum_check_interval) == (ROUND, ROUND)


def test_an_idle_reader_of_messages_wakes_seldom_and_hears_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prefect's memory queue: a thread each half second while nothing comes, no wait for what does."""
    monkeypatch.setitem(background_workers.__dict__, "Worker", background_workers.__dict__["Worker"])
    monkeypatch.setattr(PubSub, "_queue_get", vars(PubSub)["_queue_get"])
    look_seldom()

    async def heard() -> tuple[int, float]:
        redis = BurnerRedis()
        channel = redis.pubsub()
        await channel.psubscribe("cancel:*")
        await channel.get_message(timeout=0.1)  # the confirmation
        began, looks = time.monotonic(), 0
        while time.monotonic() < began + 1.2:
            assert await channel.get_message(timeout=0.1) is None
            looks += 1
        waiting = asyncio.create_task(channel.get_message(timeout=0.1))
        await asyncio.sleep(0.05)
        sent = time.monotonic()
        await redis.publish("cancel:this", "now")
        assert (await waiting)["data"] == b"now"
        return looks, time.monotonic() - sent

    looks, delay = asyncio.run(heard())
    assert looks <= 3
    assert delay < 0.2
