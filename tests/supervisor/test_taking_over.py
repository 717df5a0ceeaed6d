"""What a supervisor does with back ends that were added, taken out, or left alone at its start."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.supervisor.test_surviving import killed_supervisor
from tests.supervisor.worlds import QUICK, World, until
from vidra.supervisor.interface import BackendState, NoticeKind
from vidra.supervisor.survivors import find_survivors

pytestmark = pytest.mark.anyio
S = BackendState


async def test_back_ends_can_be_added_many_at_once(world: World) -> None:
    """Each is started and known; one of a known name is replaced."""
    async with world.supervisor() as supervisor:
        await supervisor.extend([world.spec(name="a"), world.spec(name="b")])
        await asyncio.gather(*(supervisor.wait(name, {S.HEALTHY}, limit=10) for name in "ab"))
        first = supervisor.status("a").pid
        await supervisor.extend([world.spec(name="a")])
        await supervisor.wait("a", {S.HEALTHY}, limit=10)

        assert supervisor.names == ("b", "a")
        assert supervisor.status("a").pid != first


async def test_what_is_not_declared_any_more_is_ended(world: World) -> None:
    """Its supervisor was killed, its entry deleted: without this it would run for ever."""
    with killed_supervisor(world, 2) as first:
        await until(lambda: len(world.journalled("start")) == 2)
        first.kill()
        first.wait()
    supervisor = world.supervisor()
    async with supervisor:
        lost = await supervisor.end_undeclared(["api1"])
        left = {one.instance.split(":")[1] for one in find_survivors(f"{supervisor._home}:")}

    assert lost == ("api0",)
    assert left == {"api1"}


async def test_who_does_not_start_by_itself_waits_for_an_operator(world: World) -> None:
    """`autostart` off: stopped, until it is started."""
    async with world.supervisor(world.spec(autostart=False)) as supervisor:
        await until(lambda: "api" in supervisor.names)
        before = supervisor.status("api").state
        await supervisor.start("api")
        await supervisor.wait("api", {S.HEALTHY}, limit=10)

    assert before is S.STOPPED
    assert len(world.journalled("start")) == 1


@pytest.mark.parametrize(("forgiven", "starts"), [(True, 2), (False, 1)])
async def test_a_start_of_ours_forgives_parts_only(world: World, forgiven: bool, starts: int) -> None:
    """`vidra up` is a person's start of its parts; a failed back end of an owner stays failed (WD-06)."""
    spec = world.spec("--exit", "78", forgiven_at_start=forgiven)
    for _ in range(2):
        async with world.supervisor(spec) as supervisor:
            await supervisor.wait("api", {S.FAILED}, limit=10)
            await until(lambda: bool(world.notices(NoticeKind.GAVE_UP)))

    assert len(world.journalled("start")) == starts


async def test_nobody_there_means_no_patience(world: World) -> None:
    """A slow start that nobody attends is given up at its limit, as the specification says."""
    spec = world.spec("--ready-after", "30", timings=replace(QUICK, startup_limit=0.3, crash_limit=1))
    async with world.supervisor(spec) as supervisor:
        status = await supervisor.wait("api", {S.FAILED}, limit=5)

    assert "not ready in time" in status.reason
