"""Real processes that do not want to go."""

from __future__ import annotations

import os
import signal
import time

import psutil
import pytest

from tests.supervisor.worlds import QUICK, World, until
from vidra.supervisor.ending import Ending
from vidra.supervisor.identity import Identity
from vidra.supervisor.interface import BackendState, EndedBy, PortSpec, Timings
from vidra.supervisor.members import find_members
from vidra.supervisor.ports import listens

pytestmark = pytest.mark.anyio
S = BackendState


async def stop(world: World, *options: str, timings: Timings = QUICK) -> tuple[EndedBy, float]:
    """Start, stop, and return what ended it and how long that took; nothing may be left."""
    async with world.supervisor(world.spec(*options, timings=timings)) as supervisor:
        healthy = await supervisor.wait("api", {S.HEALTHY}, limit=10)
        assert healthy.instance is not None
        begun = time.monotonic()
        await supervisor.stop("api")
        status = await supervisor.wait("api", {S.STOPPED}, limit=20)
        seconds = time.monotonic() - begun
        assert find_members(None, healthy.instance) == []
        assert status.last_exit is not None
        return status.last_exit.ended_by, seconds


async def test_who_obeys_the_shutdown_route_is_gone_early(world: World) -> None:
    """Requirements 14 and 15: returns as soon as it has gone."""
    by, seconds = await stop(world, timings=Timings(startup_poll=0.05))

    assert by is EndedBy.SHUTDOWN_ROUTE
    assert seconds < 2


async def test_who_ignores_the_route_gets_sigterm(world: World) -> None:
    """Requirement 16: after the grace of the route, not before."""
    by, seconds = await stop(world, "--ignore-shutdown")

    assert by is EndedBy.TERM
    assert QUICK.shutdown_grace <= seconds < QUICK.shutdown_grace + QUICK.term_grace + 1


async def test_who_ignores_sigterm_is_killed(world: World) -> None:
    """Requirement 17: the report says SIGKILL, because that is what it was."""
    by, seconds = await stop(world, "--ignore-shutdown", "--ignore-term")

    assert by is EndedBy.KILL
    assert seconds >= QUICK.shutdown_grace + QUICK.term_grace


async def test_a_stopped_process_still_hears_sigterm(world: World) -> None:
    """SIGCONT goes with SIGTERM: the process leaves by itself instead of being killed."""
    async with world.supervisor(world.spec(shutdown_path=None)) as supervisor:
        status = await supervisor.wait("api", {S.HEALTHY}, limit=10)
        assert status.pid is not None
        os.kill(status.pid, signal.SIGSTOP)
        await supervisor.stop("api")
        status = await supervisor.wait("api", {S.STOPPED}, limit=10)

    assert status.last_exit is not None
    assert (status.last_exit.ended_by, status.last_exit.signal) == (EndedBy.TERM, signal.SIGTERM)


async def test_children_and_escaped_grandchildren_go_too(world: World) -> None:
    """WD-20: SIGTERM ignored by all, two grandchildren in sessions of their own: nobody is left."""
    by, seconds = await stop(world, "--ignore-term", "--ignore-shutdown", "--children=2", "--escapees=2")

    assert by is EndedBy.KILL
    assert seconds < 12


async def test_a_crash_leaves_no_children_behind(world: World) -> None:
    """The group is cleared before the restart: a child of the dead could hold the port."""
    async with world.supervisor(world.spec("--children=1", "--escapees=1")) as supervisor:
        first = await supervisor.wait("api", {S.HEALTHY}, limit=10)
        assert first.pid is not None
        assert first.instance is not None
        os.kill(first.pid, signal.SIGKILL)
        await supervisor.wait("api", {S.RESTARTING}, limit=5)
        left = find_members(None, first.instance)

    assert left == []


async def test_a_child_that_hides_its_origin_goes_too(world: World) -> None:
    """Own session, empty environment: still a descendant of the one we stop."""
    code = (
        "import subprocess, sys, time\n"
        "hidden = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(300)'],"
        " env={}, start_new_session=True)\n"
        "print(hidden.pid, flush=True)\n"
        "time.sleep(300)\n"
    )
    async with world.supervisor(world.python(code)) as supervisor:
        await until(lambda: supervisor.tail("api"))
        hidden = Identity.of(int(supervisor.tail("api")[0]))
        assert hidden is not None
        await supervisor.stop("api")
        await supervisor.wait("api", {S.STOPPED}, limit=10)

    assert not hidden.alive


async def test_two_hundred_grandchildren_are_all_gone(world: World) -> None:
    """WD-21, with forks that share one interpreter."""
    code = (
        "import os, signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "for n in range(200):\n"
        "    if os.fork() == 0:\n"
        "        n % 2 and os.setsid()\n"
        "        time.sleep(300)\n"
        "print('all there', flush=True)\n"
        "time.sleep(300)\n"
    )
    async with world.supervisor(world.python(code)) as supervisor:
        await until(lambda: supervisor.tail("api") == ("all there",))
        instance = supervisor.status("api").instance
        assert instance is not None
        assert len(find_members(None, instance)) == 201
        await supervisor.stop("api")
        await supervisor.wait("api", {S.STOPPED}, limit=20)
        assert find_members(None, instance) == []


async def test_a_start_can_be_stopped_before_it_is_ready(world: World) -> None:
    """Ambiguity 11, with a real process."""
    async with world.supervisor(world.spec("--ready-after=60")) as supervisor:
        await until(lambda: world.journalled("start"))
        await supervisor.stop("api")
        await supervisor.wait("api", {S.STOPPED}, limit=10)

    assert world.states() == [S.STARTING, S.STOPPING, S.STOPPED]


async def test_the_temporary_folder_goes_with_the_process(world: World) -> None:
    """Requirement 18: what it left in TMPDIR is removed, even after a kill."""
    code = "import os, tempfile, time; tempfile.mkstemp(); print('written', flush=True); time.sleep(300)"
    async with world.supervisor(world.python(code)) as supervisor:
        await until(lambda: supervisor.tail("api") == ("written",))
        assert len(list(world.folder.glob("*.tmp-*/*"))) == 1
        pid = supervisor.status("api").pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await supervisor.wait("api", {S.RESTARTING}, limit=5)
        assert list(world.folder.glob("*.tmp-*")) == []


async def test_the_port_is_free_after_a_stop(world: World) -> None:
    """Nobody listens, and another program may bind it."""
    async with world.supervisor(world.spec("--children=1")) as supervisor:
        status = await supervisor.wait("api", {S.HEALTHY}, limit=10)
        assert status.port is not None
        await supervisor.stop("api")
        await supervisor.wait("api", {S.STOPPED}, limit=10)
        assert not listens("127.0.0.1", status.port)


async def test_stopping_cannot_hurt_who_reused_the_pid() -> None:
    """WD-09: our process is long gone and a stranger has its number; he is not signalled."""
    stranger = psutil.Popen(["sleep", "300"], start_new_session=True)
    try:
        now = Identity.of(stranger.pid)
        assert now is not None
        former = Identity(pid=now.pid, started=now.started - 1, boot=now.boot)
        assert not former.alive
        assert not former.send(signal.SIGKILL)
        assert find_members(former, "no-such-mark-anywhere") == []
        await Ending(None, mark="no-such-mark-anywhere", timings=QUICK).run(ask=None)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


async def test_with_parent_death_the_process_knows_its_port_and_dies_alone(world: World) -> None:
    """`ends_with_supervisor` changes who dies with whom, not the pid, the session or the exit code."""
    spec = world.spec(ends_with_supervisor=True, port=PortSpec(first=20_000, last=29_999))
    async with world.supervisor(spec) as supervisor:
        status = await supervisor.wait("api", {S.HEALTHY}, limit=10)
        assert status.pid is not None
        assert world.journalled("start") == [f"start {status.pid}"]
        await supervisor.stop("api")
        status = await supervisor.wait("api", {S.STOPPED}, limit=10)

    assert status.last_exit is not None
    assert status.last_exit.code == 0
