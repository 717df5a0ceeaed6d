"""Remembers what was applied to the embedded server, so that a start that changes nothing needs no Prefect.

To compare a declaration with the server its flow has to be imported, for the form of its parameters: 1.5 s
with Prefect. So the last one to compare writes down what was declared and what the server said then. As long
as both still hold, there is nothing to apply.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import orjson

import vidra
from vidra.engine.deployments.declarations import Declaration
from vidra.engine.http_api import HttpApi
from vidra.state import atomic_write

MEMORY: Final = "applied.json"
"""File in the home folder."""
_PACKAGES: Final = ("flows", "tasks", "vidra")
_FIELDS: Final = (
    "id", "flow_id", "name", "entrypoint", "description", "tags", "parameters", "job_variables", "pull_steps",
    "work_pool_name", "concurrency_limit", "concurrency_options", "parameter_openapi_schema",
    "enforce_parameter_schema",
)  # fmt: skip
"""Of a deployment, what applying sets. Whether it is paused is a person's business."""


class Remembered:
    """What was last applied from these declarations to the server whose home this is."""

    def __init__(self, home: Path, declared: Sequence[Declaration]) -> None:
        self._file = home / MEMORY
        self._declared = _digest([version("prefect"), _code(), [repr(one) for one in declared]])

    def is_declared(self) -> bool:
        """Whether just this was declared, of this very code."""
        return self._read().get("declared") == self._declared

    async def still_holds(self) -> bool:
        """Whether the server still has what it had then; asks twice, whatever the number of deployments."""
        return self._read() == await self._now()

    async def remember(self) -> None:
        """Write down that it has been applied."""
        atomic_write(self._file, orjson.dumps(await self._now()))

    async def _now(self) -> Mapping[str, str]:
        return {"declared": self._declared, "server": await _told()}

    def _read(self) -> Mapping[str, str]:
        try:
            memory = orjson.loads(self._file.read_bytes())
        except (OSError, orjson.JSONDecodeError):
            return {}
        return memory if isinstance(memory, dict) else {}


async def _told() -> str:
    async with HttpApi() as api:
        deployments = await api.query_all("/deployments/filter")
        pools = await api.query_all("/work_pools/filter")
    return _digest(
        [sorted(map(_deployment, deployments)), sorted([one["name"], one["type"]] for one in pools)]
    )


def _deployment(told: Mapping[str, Any]) -> str:
    limit = told.get("global_concurrency_limit") or {}
    schedules = [[one["slug"], one["schedule"]] for one in told["schedules"]]
    return _text([[told.get(field) for field in _FIELDS], limit.get("limit"), sorted(map(_text, schedules))])


def _code() -> Sequence[Any]:
    """Return what changes with our code: the newest of its files, and how many there are."""
    if getattr(sys, "frozen", False):
        return [Path(sys.executable).stat().st_mtime_ns]
    root = Path(vidra.__path__[0]).parent
    times = [file.stat().st_mtime_ns for name in _PACKAGES for file in (root / name).rglob("*.py")]
    return [vidra.__version__, str(root), len(times), max(times)]


def _digest(facts: object) -> str:
    return hashlib.sha256(_text(facts).encode()).hexdigest()


def _text(facts: object) -> str:
    return json.dumps(facts, sort_keys=True)
