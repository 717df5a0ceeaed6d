"""What a slot of a limit costs a download: taking it and giving it back, on a server that is up."""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from benchmarks.figures import Figure
from vidra.engine.environment import applied, embedded_environment
from vidra.engine.lifecycle.server import EmbeddedServer
from vidra.engine.politeness.slots import Slots
from vidra.engine.worker.owners import owning
from vidra.settings import LimitSettings, load_settings

TIMES: Final = 100
SITE: Final = "example.org"


async def _seconds(home: Path, limits: Mapping[str, Any]) -> list[float]:
    from prefect.context import AsyncClientContext  # noqa: PLC0415 - the environment has to be there first

    run = str(uuid4())
    slots = Slots(LimitSettings.model_validate(dict(limits)), flow_run_id=run, home=home)
    samples = []
    with owning(home, run):
        async with AsyncClientContext.get_or_create():  # a flow run has one client for all it asks
            for _ in range(TIMES + 5):
                began = time.perf_counter()
                async with slots.held(SITE):
                    pass
                samples.append(time.perf_counter() - began)
    return samples[5:]  # the first ones make the limit and the connection


def _figures(name: str, samples: list[float], target: float | None = None) -> list[Figure]:
    milliseconds = [sample * 1000 for sample in samples]
    return [
        Figure(name=f"{name}, median", ours=statistics.median(milliseconds), unit="ms", target=target),
        Figure(name=f"{name}, p95", ours=statistics.quantiles(milliseconds, n=20)[18], unit="ms"),
    ]


def run() -> list[Figure]:
    """Measure downloads with a limit on all, with one on their site too, and without any."""
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(overrides={"storage.data_dir": Path(folder) / "data"}, environ={})
        with EmbeddedServer(embedded_environment(settings)) as server, applied(server.environment):
            home = Path(os.environ["PREFECT_HOME"])
            both = asyncio.run(_seconds(home, {"downloads": 2, "site_downloads": 2}))
            one = asyncio.run(_seconds(home, {"site_downloads": 2}))
            none = asyncio.run(_seconds(home, {}))
    return [
        *_figures("slot of one limit, taken and given back", one, 50.0),
        *_figures("slots of two limits, taken and given back", both),
        *_figures("no limits", none),
    ]
