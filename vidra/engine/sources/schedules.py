"""Whether flows about sources have anything to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from vidra.state import open_configured_state

if TYPE_CHECKING:
    from vidra.engine.deployments.declarations import Declaration
    from vidra.settings import Settings

FOR_SERVERS: Final = frozenset({"connection-scoring"})
"""Deployments that run by themselves only where there are media servers."""
FOR_BACKENDS: Final = "backend-watchdog"
"""The one that runs by itself only where back ends are declared."""


def without_idle_schedules(declared: Sequence[Declaration], settings: Settings) -> Sequence[Declaration]:
    """Return the declarations; those with nothing to do have no schedule."""
    idle = set() if has_sources(settings) else set(FOR_SERVERS)
    if not settings.backends:
        idle.add(FOR_BACKENDS)
    return [replace(one, schedules=()) if one.name in idle else one for one in declared]


def has_sources(settings: Settings) -> bool:
    """Whether any source is declared or was added."""
    if settings.sources:
        return True
    folder = settings.storage.data_dir
    if not any((folder / f"sources.{ending}").exists() for ending in ("json", "journal")):
        return False
    with open_configured_state(settings.storage) as state:
        return bool(state.sources.list())
