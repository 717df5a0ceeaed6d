"""Global limits on the server, and slots that dead runs left behind."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import pytest

from vidra.engine.politeness.limits import GlobalLimit, apply_limits, release_dead_leases, site_limit
from vidra.engine.runs import connected_client
from vidra.engine.worker.owners import owning
from vidra.settings import Settings

pytestmark = pytest.mark.usefixtures("connected")


async def _take(name: str, holder: UUID) -> None:
    from prefect.client.schemas.objects import ConcurrencyLeaseHolder

    async with connected_client() as client:
        await client.increment_concurrency_slots_with_lease(
            [name], 1, "concurrency", 300.0, holder=ConcurrencyLeaseHolder(type="flow_run", id=holder)
        )


async def _taken(name: str) -> tuple[int, int]:
    async with connected_client() as client:
        limit = await client.read_global_concurrency_limit_by_name(name)
        return limit.active_slots, limit.limit


def test_a_limit_is_changed_without_freeing_its_slots() -> None:
    """Writing the limits at a start does not let more in than there is room for."""
    name = site_limit("Changed.example")
    asyncio.run(apply_limits([GlobalLimit(name=name, slots=1)]))
    asyncio.run(_take(name, uuid4()))

    asyncio.run(apply_limits([GlobalLimit(name=name, slots=3)]))

    assert name == "vidra-site-changed.example"
    assert asyncio.run(_taken(name)) == (1, 3)


def test_only_the_slots_of_dead_runs_are_given_back(engine_settings: Settings) -> None:
    """PF-06: after a crash, taken slots and living runs agree."""
    home = engine_settings.storage.prefect_home
    name, dead, alive = site_limit("crashed.example"), uuid4(), uuid4()
    asyncio.run(apply_limits([GlobalLimit(name=name, slots=5)]))

    with owning(home, str(alive)):
        asyncio.run(_take(name, dead))
        asyncio.run(_take(name, alive))
        asyncio.run(release_dead_leases(home))
        assert asyncio.run(_taken(name)) == (1, 5)
