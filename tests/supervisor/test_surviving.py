"""The supervisor itself is killed: no back end doubled, none lost, no lock left."""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.supervisor.worlds import World, until
from vidra.supervisor.environment import LINEAGE_VARIABLE
from vidra.supervisor.identity import Identity
from vidra.supervisor.interface import BackendState, PortSpec
from vidra.supervisor.records import FileRecords

pytestmark = pytest.mark.anyio
S = BackendState
ROOT = Path(__file__).parents[2]


@contextmanager
def killed_supervisor(world: World, count: int, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a supervisor in a process of its own, dead at the latest when the block ends."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tests.supervisor.programs.supervise",
            world.folder.parent,
            str(count),
            *options,
        ],
        cwd=ROOT,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def stray(mark: str) -> Iterator[Identity]:
    """Run a process that carries the mark of a start."""
    command = [sys.executable, "-S", "-c", "import time; time.sleep(300)"]
    process = subprocess.Popen(command, env={LINEAGE_VARIABLE: mark}, start_new_session=True)
    identity = Identity.of(process.pid)
    assert identity is not None
    try:
        yield identity
    finally:
        process.kill()
        process.wait()


def living(world: World) -> set[int]:
    """Return the pids of all copies ever started that still run."""
    pids = {int(line.split()[1]) for line in world.journalled("start")}
    return {pid for pid in pids if (who := Identity.of(pid)) is not None and who.alive}


async def test_a_back_end_outlives_its_killed_supervisor_and_is_adopted(world: World) -> None:
    """WD-22: same process, not a second one; what it printed meanwhile is not lost."""
    with killed_supervisor(world, 1):
        await until(lambda: world.log_has("api0", "-> healthy"))
    before = living(world)
    async with world.supervisor(world.spec(name="api0")) as supervisor:
        status = await supervisor.wait("api0", {S.HEALTHY}, limit=10)

        assert {status.pid} == before
    assert living(world) == set()
    assert world.log("api0").count("listening on") == 1


async def test_a_back_end_that_prints_while_nobody_supervises_lives_and_loses_no_line(world: World) -> None:
    """No SIGPIPE: what it prints between two supervisors waits in the pipe and is logged by the second."""
    with killed_supervisor(world, 1, "--chatter"):
        await until(lambda: world.log_has("api0", "-> healthy"))
    before, printed = living(world), len(world.journalled("printed"))
    await until(lambda: len(world.journalled("printed")) >= printed + 20)
    async with world.supervisor(world.spec("--chatter", name="api0")) as supervisor:
        status = await supervisor.wait("api0", {S.HEALTHY}, limit=10)
        assert {status.pid} == before
        await until(lambda: world.log_has("api0", f"number {printed + 20}\n"))

    numbers = [int(found) for found in re.findall(r"out number (\d+)", world.log("api0"))]
    assert numbers == list(range(len(numbers)))


async def test_an_adopted_back_end_that_crashes_is_noticed_and_restarted(world: World) -> None:
    """Nobody can tell its exit code, and the report says so."""
    with killed_supervisor(world, 1):
        await until(lambda: world.log_has("api0", "-> healthy"))
    async with world.supervisor(world.spec(name="api0")) as supervisor:
        status = await supervisor.wait("api0", {S.HEALTHY}, limit=10)
        assert status.pid is not None
        os.kill(status.pid, signal.SIGKILL)
        await supervisor.wait("api0", {S.RESTARTING}, limit=5)
        status = await supervisor.wait("api0", {S.HEALTHY}, limit=10)

    assert status.last_exit is not None
    assert "exit code unknown" in str(status.last_exit)


async def test_a_changed_declaration_replaces_the_survivor(world: World) -> None:
    """Adopting a process with yesterday's options would be a lie."""
    with killed_supervisor(world, 1):
        await until(lambda: world.log_has("api0", "-> healthy"))
    before = living(world)
    async with world.supervisor(world.spec("--no-echo", name="api0")) as supervisor:
        await supervisor.wait("api0", {S.HEALTHY}, limit=10)
        assert len(living(world)) == 1
        assert living(world) != before


async def test_a_process_whose_record_was_not_finished_is_found_by_its_mark(world: World) -> None:
    """Killed between starting it and writing down its pid: still one copy."""
    with killed_supervisor(world, 1):
        await until(lambda: world.log_has("api0", "-> healthy"))
    records, before = FileRecords(world.folder), living(world)
    record = records.load("api0")
    assert record is not None
    records.save(replace(record, process=None))
    async with world.supervisor(world.spec(name="api0")) as supervisor:
        await supervisor.wait("api0", {S.HEALTHY}, limit=10)
        assert living(world) == before


async def test_a_second_copy_is_ended_when_the_first_is_adopted(world: World) -> None:
    """However it came about: there is one back end of a name."""
    with killed_supervisor(world, 1):
        await until(lambda: world.log_has("api0", "-> healthy"))
    before = living(world)
    supervisor = world.supervisor(world.spec(name="api0"))
    with stray(supervisor._mark("api0") + "another-start") as double:
        async with supervisor:
            status = await supervisor.wait("api0", {S.HEALTHY}, limit=10)
            assert {status.pid} == before
            assert not double.alive


async def test_a_survivor_without_any_record_is_ended_before_a_new_start(world: World) -> None:
    """A damaged record must not lead to two copies."""
    with killed_supervisor(world, 1):
        await until(lambda: world.log_has("api0", "-> healthy"))
    before = living(world)
    (world.folder / "api0.json").write_text("{ damaged")
    async with world.supervisor(world.spec(name="api0")) as supervisor:
        await supervisor.wait("api0", {S.HEALTHY}, limit=10)
        assert len(living(world)) == 1
        assert living(world) & before == set()


async def test_the_crash_count_survives_the_supervisor(world: World) -> None:
    """WD-06 with real records: two crashes, another supervisor, the third crash is the last."""
    for _ in range(2):
        async with world.supervisor(world.spec()) as supervisor:
            status = await supervisor.wait("api", {S.HEALTHY}, limit=10)
            assert status.pid is not None
            os.kill(status.pid, signal.SIGKILL)
            await supervisor.wait("api", {S.RESTARTING}, limit=5)
    async with world.supervisor(world.spec()) as supervisor:
        status = await supervisor.wait("api", {S.HEALTHY}, limit=10)
        assert (status.pid is not None, status.crashes) == (True, 2)
        os.kill(status.pid or 0, signal.SIGKILL)
        await supervisor.wait("api", {S.FAILED}, limit=5)


async def test_failed_stays_failed_until_somebody_changes_something(world: World) -> None:
    """The next supervisor starts nothing; a changed declaration does."""
    async with world.supervisor(world.spec("--exit=78")) as supervisor:
        await supervisor.wait("api", {S.FAILED}, limit=10)
    async with world.supervisor(world.spec("--exit=78")) as supervisor:
        assert supervisor.status("api").state is S.FAILED
    assert len(world.journalled("start")) == 1

    async with world.supervisor(world.spec()) as supervisor:
        await supervisor.wait("api", {S.HEALTHY}, limit=10)


async def test_what_an_operator_stopped_stays_stopped(world: World) -> None:
    """Across supervisors, until an operator starts it."""
    async with world.supervisor(world.spec()) as supervisor:
        await supervisor.wait("api", {S.HEALTHY}, limit=10)
        await supervisor.stop("api")
    async with world.supervisor(world.spec()) as supervisor:
        assert supervisor.status("api").state is S.STOPPED
        await supervisor.start("api")
        await supervisor.wait("api", {S.HEALTHY}, limit=10)


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
async def test_a_back_end_may_be_declared_to_die_with_its_supervisor(world: World) -> None:
    """The kernel ends it, however the supervisor went."""
    with killed_supervisor(world, 1, "--ends-with-supervisor"):
        await until(lambda: world.log_has("api0", "-> healthy"))
    await until(lambda: living(world) == set(), limit=5)


async def test_the_port_is_the_same_after_adoption(world: World) -> None:
    """Clients keep their URL."""
    with killed_supervisor(world, 1):
        await until(lambda: world.log_has("api0", "-> healthy"))
    port = int(world.log("api0").split("listening on ")[1].split()[0])
    async with world.supervisor(
        world.spec(name="api0", port=PortSpec(first=20_000, last=29_999))
    ) as supervisor:
        status = await supervisor.wait("api0", {S.HEALTHY}, limit=10)
        assert status.port == port


async def kill_round(world: World, moment: float, count: int) -> None:
    """Start a supervisor in a process, kill it at that moment, let another one take over."""
    with killed_supervisor(world, count) as process:
        await asyncio.sleep(moment)
        assert process.poll() is None
    specs = [world.spec(name=f"api{number}") for number in range(count)]
    async with world.supervisor(*specs) as supervisor:
        for spec in specs:
            await supervisor.wait(spec.name, {S.HEALTHY}, limit=20)
        pids = {supervisor.status(spec.name).pid for spec in specs}
        assert living(world) == pids


async def test_a_supervisor_killed_while_starting_leaves_no_second_copy(world: World) -> None:
    """WD-22, short: three kills around the moment of the first start."""
    for moment in (0.3, 0.45, 0.7):
        await kill_round(world, moment, 3)
    assert living(world) == set()


@pytest.mark.long
async def test_twenty_random_kills_of_the_supervisor_double_and_lose_nothing(world: World) -> None:
    """WD-22 and the figure of issue 6: 20 of 20."""
    chance = random.Random(6)
    for _ in range(20):
        await kill_round(world, chance.uniform(0.2, 2.0), 5)
    assert living(world) == set()
