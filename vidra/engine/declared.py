"""What should be deployed: the shipped declarations, with the owner's schedules in place of theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vidra.datafiles import shipped
from vidra.engine.declarations import Declaration, read_declarations
from vidra.settings import Settings


def declared_deployments(settings: Settings) -> Sequence[Declaration]:
    """Return the deployments of these settings. Raises `ConfigError`."""
    declared = read_declarations(shipped("deployments") / "prefect.yaml")
    return [replace(one, pool=settings.engine.pool) for one in declared]
