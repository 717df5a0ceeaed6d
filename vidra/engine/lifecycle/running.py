"""Finds the engine that is running for a data folder, and says how to reach its Prefect server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidra.engine.environment import embedded_environment, remote_environment
from vidra.errors import AlreadyRunning
from vidra.settings import Settings
from vidra.supervisor.lock import InstanceLock, read_holder


@dataclass(frozen=True, kw_only=True, slots=True)
class RunningEngine:
    """An engine somebody started with `vidra up`."""

    pid: int | None
    facts: Mapping[str, Any]
    """What it wrote into its lock: `api_url`, `shim_url`, `since`, `log`."""

    @property
    def api_url(self) -> str | None:
        """Address of its Prefect API; None while it is still starting."""
        return self.facts.get("api_url") or None


def find_engine(settings: Settings) -> RunningEngine | None:
    """Return the engine that holds the instance lock of this data folder; None if nobody does."""
    path = settings.storage.instance_lock_file
    if not path.exists():
        return None
    lock = InstanceLock(path)
    try:
        lock.acquire()
    except AlreadyRunning as held:
        return RunningEngine(pid=held.pid, facts=read_holder(path))
    lock.release()
    return None


def engine_environment(settings: Settings) -> dict[str, str] | None:
    """Return the variables that reach the engine's server; None when no engine is there.

    The owner's own server (`engine.api_url`) counts as there: whether it answers is seen when asked.
    """
    if settings.engine.api_url is not None:
        return remote_environment(settings)
    engine = find_engine(settings)
    if engine is None or engine.api_url is None:
        return None
    return {**embedded_environment(settings), "PREFECT_API_URL": engine.api_url}


def parts_folder(settings: Settings) -> Path:
    """Return the folder in which the supervisor of Vidra's own parts keeps its records."""
    return settings.storage.data_dir / "parts"


def logs_folder(settings: Settings) -> Path:
    """Return the folder of the parts' logs."""
    return settings.storage.data_dir / "logs"
