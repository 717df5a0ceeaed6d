"""Ways in which the supervisor before us failed (table D3 of the contract), with real processes.

Those that other modules show are named in docs/watchdog-requirements.md.
"""

from __future__ import annotations

import os
import shlex
import signal
import socket
import sys
import time
from dataclasses import replace

import pytest

from tests.supervisor.worlds import BACKEND, QUICK, World, until
from vidra.supervisor.identity import Identity
from vidra.supervisor.interface import BackendSpec, BackendState, EndedBy, PortSpec, StatusChange
from vidra.supervisor.members import find_members

pytestmark = pytest.mark.anyio
S = BackendState


async def test_a_shutdown_route_that_never_answers_costs_its_grace_and_no_more(world: World) -> None:
    """2: the limit was sent as the request's body, so a hung back end hung whoever wanted to stop it."""
    async with world.supervisor(world.spec("--hang-shutdown")) as supervisor:
        await supervisor.wait("api", {S.HEALTHY}, limit=10)
        begun = time.monotonic()
        await supervisor.stop("api")
        status = await supervisor.wait("api", {S.STOPPED}, limit=10)
        seconds = time.monotonic() - begun

    assert status.last_exit is not None
    assert status.last_exit.ended_by is EndedBy.TERM
    assert QUICK.shutdown_grace <= seconds < QUICK.shutdown_grace + QUICK.term_grace + 1


async def test_stopped_is_said_of_the_dead_only(world: World) -> None:
    """3: "killed" meant "signal sent". While it lives, it is stopping; when it is stopped, it is gone."""
    async with world.supervisor(world.spec("--ignore-term", "--ignore-shutdown")) as supervisor:
        pid = (await supervisor.wait("api", {S.HEALTHY}, limit=10)).pid
        process = Identity.of(pid or 0)
        assert process is not None
        await supervisor.stop("api")
        meanwhile = (supervisor.status("api").state, process.alive)
        status = await supervisor.wait("api", {S.STOPPED}, limit=10)
        afterwards = process.alive

    assert meanwhile == (S.STOPPING, True)
    assert afterwards is False
    assert status.last_exit is not None
    assert (status.last_exit.ended_by, status.last_exit.signal) == (EndedBy.KILL, signal.SIGKILL)


async def test_quitting_returns_when_all_is_gone(world: World) -> None:
    """4: quitting did not wait for the stop it had begun."""
    stubborn = world.spec("--ignore-term", "--ignore-shutdown", "--escapees=1")
    async with world.supervisor(stubborn) as supervisor:
        instance = (await supervisor.wait("api", {S.HEALTHY}, limit=10)).instance
        assert instance is not None

    assert find_members(None, instance) == []


def launched(world: World) -> BackendSpec:
    """Return a back end behind a launcher that only waits for it, as one-file bundles have one."""
    inner = shlex.join([sys.executable, "-S", str(BACKEND), "--journal", str(world.journal)])
    return world.spec(command=("/bin/sh", "-c", f"{inner} --port {{port}} & wait"), shutdown_path=None)


async def test_behind_a_launcher_the_program_itself_ends(world: World) -> None:
    """5: only the launcher of a bundle was signalled, and the program lived on."""
    async with world.supervisor(launched(world)) as supervisor:
        status = await supervisor.wait("api", {S.HEALTHY}, limit=10)
        (inner,) = (Identity.of(int(line.split()[1])) for line in world.journalled("start"))
        assert inner is not None
        assert inner.pid != status.pid
        await supervisor.stop("api")
        await supervisor.wait("api", {S.STOPPED}, limit=10)

    assert not inner.alive


async def test_a_dead_launcher_takes_its_program_along(world: World) -> None:
    """5, the other way: two copies of the program, one of them without a parent, would fight for the port."""
    async with world.supervisor(launched(world)) as supervisor:
        status = await supervisor.wait("api", {S.HEALTHY}, limit=10)
        (inner,) = (Identity.of(int(line.split()[1])) for line in world.journalled("start"))
        os.kill(status.pid or 0, signal.SIGKILL)
        await supervisor.wait("api", {S.RESTARTING}, limit=10)
        assert inner is not None
        assert not inner.alive
        again = await supervisor.wait("api", {S.HEALTHY}, limit=10)

    assert (again.url, len(world.journalled("start"))) == (status.url, 2)


async def test_a_busy_back_end_is_left_alone(world: World) -> None:
    """9: a health route that answered 429 to our own questions got a healthy back end restarted."""
    async with world.supervisor(world.spec()) as supervisor:
        before = await supervisor.wait("api", {S.HEALTHY}, limit=10)
        world.script.write_text("busy")
        await until(lambda: len(world.journalled("get busy")) >= 6)
        after = supervisor.status("api")

    assert (after.state, after.pid, after.crashes) == (S.HEALTHY, before.pid, 0)
    assert S.UNHEALTHY not in world.states()


async def test_clients_are_told_of_a_new_port(world: World) -> None:
    """10: after a restart on another port clients went on asking the old one."""
    async with world.supervisor(world.spec(port=PortSpec(first=20_000, last=29_999))) as supervisor:
        before = await supervisor.wait("api", {S.HEALTHY}, limit=10)
        await supervisor.stop("api")
        await supervisor.wait("api", {S.STOPPED}, limit=10)
        with socket.socket() as stranger:
            stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            stranger.bind(("127.0.0.1", before.port or 0))
            stranger.listen()
            await supervisor.start("api")
            after = await supervisor.wait("api", {S.HEALTHY}, limit=10)

    told = [event.url for event in world.events if isinstance(event, StatusChange)]
    assert after.url not in {before.url, None}
    assert after.url in told


async def test_three_crashes_are_counted_delayed_and_told(world: World) -> None:
    """8: there was no restart after a crash, no count, no delay and no notice."""
    timings = replace(QUICK, restart_delay=0.3)
    async with world.supervisor(world.spec("--exit=1", timings=timings)) as supervisor:
        begun = time.monotonic()
        status = await supervisor.wait("api", {S.FAILED}, limit=10)
        seconds = time.monotonic() - begun

    assert (len(world.journalled("start")), status.crashes, status.restarts) == (3, 3, 2)
    assert seconds >= 2 * timings.restart_delay
    assert "3 crashes in 300 s" in status.reason
