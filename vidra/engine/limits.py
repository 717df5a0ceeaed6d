"""Limits that hold across processes and machines: Prefect's global concurrency limits.

A flow takes a slot with Prefect's `concurrency(name)` or paces itself with `rate_limit(name)`; a name
that does not exist on the server limits nothing, so the limits are written at start. Imports Prefect
when used.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import UUID

from vidra.engine import owners
from vidra.engine.runs import connected_client

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient

DOWNLOADS: Final = "vidra-downloads"
"""The limit of all downloads together."""
LEASES: Final = "concurrency_leases"
"""Folder of Prefect's filesystem lease storage below its home; one JSON file a lease."""


def site_limit(site: str) -> str:
    """Return the name of the limit of one site, such as `vidra-site-example.org`."""
    return f"vidra-site-{site.lower()}"


@dataclass(frozen=True, kw_only=True, slots=True)
class GlobalLimit:
    """One limit: `slots` at the same time; with `per_second` they come back at that rate by themselves."""

    name: str
    slots: int
    per_second: float = 0.0


async def apply_limits(limits: Iterable[GlobalLimit]) -> None:
    """Create or change the limits on the server; slots that are taken stay taken."""
    async with connected_client() as client:
        for limit in limits:
            await client.upsert_global_concurrency_limit_by_name(
                limit.name, limit.slots, limit.per_second or None
            )


async def release_dead_leases(home: Path) -> Sequence[str]:
    """Give back the slots of runs that no living process owns; return the ids of their leases.

    For the embedded server only, at its start, before runs begin: without this a slot that a power cut
    left behind blocks until its lease runs out (5 minutes).
    """
    async with connected_client() as client:
        released = []
        for lease, holder in _leases(home):
            if not await _lives(client, home, holder):
                await client.release_concurrency_slots_with_lease(UUID(lease))
                released.append(lease)
        return released


def _leases(home: Path) -> Iterator[tuple[str, dict[str, str] | None]]:
    for file in sorted((home / LEASES).glob("????????-*.json")):
        try:
            content = json.loads(file.read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            continue  # given back this moment, or torn; a torn one runs out by itself
        yield file.stem, (content.get("metadata") or {}).get("holder")


async def _lives(client: PrefectClient, home: Path, holder: dict[str, str] | None) -> bool:
    from prefect.exceptions import ObjectNotFound  # noqa: PLC0415 - 1.3 s

    if holder is None:
        return False
    flow_run_id: str | None = holder["id"]
    if holder["type"] == "task_run":
        try:
            run = await client.read_task_run(UUID(holder["id"]))
        except ObjectNotFound:
            return False
        flow_run_id = None if run.flow_run_id is None else str(run.flow_run_id)
    owner = None if flow_run_id is None else owners.owner(home, flow_run_id)
    return owner is not None and owner.alive
