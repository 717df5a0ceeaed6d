"""A port is chosen by having it."""

from __future__ import annotations

import os
import random
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from tests.supervisor.worlds import World
from vidra.errors import NoFreePort
from vidra.supervisor.interface import BackendState, NoticeKind, PortHandover, PortSpec
from vidra.supervisor.ports import base_url, listens, reserve

S = BackendState


def bound(port: int, host: str = "127.0.0.1", *, listening: bool = True) -> socket.socket:
    """Return a stranger's socket on that port."""
    stranger = socket.socket()
    stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    stranger.bind((host, port))
    if listening:
        stranger.listen()
    return stranger


@pytest.fixture
def first() -> Iterator[int]:
    """Return the first of four neighbouring ports that were free a moment ago."""
    # Below the range that outgoing connections use, and apart from other test processes.
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    begin = 30_000 + worker % 8 * 320 + random.randrange(0, 160, 4)
    for port in range(begin, begin + 160, 4):
        with ExitStack() as stack:
            try:
                for neighbour in range(port, port + 4):
                    # Without SO_REUSEADDR: a port where old connections linger is not free enough.
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", neighbour))
            except OSError:
                continue
        yield port
        return


def test_the_first_free_port_of_the_range_is_taken_in_order(first: int) -> None:
    """Requirements 2 to 4: taken on 127.0.0.1 and on 0.0.0.0 are skipped alike."""
    with bound(first), bound(first + 1, "0.0.0.0"):
        reservation = reserve("api", PortSpec(first=first, last=first + 3), prefer=None, avoid=())

    assert reservation is not None
    assert reservation.port == first + 2
    reservation.release()


def test_two_supervisors_at_once_get_different_ports(first: int) -> None:
    """D3: what is reserved, but not listened on yet, is not free for another scan."""
    spec = PortSpec(first=first, last=first + 3)
    one, two = (reserve("api", spec, prefer=None, avoid=()) for _ in range(2))

    assert one is not None
    assert two is not None
    assert (one.port, two.port) == (first, first + 1)
    one.release()
    two.release()


def test_when_all_are_taken_the_scan_is_the_evidence(first: int) -> None:
    """Requirements 76 and 78."""
    with bound(first), bound(first + 1), pytest.raises(NoFreePort) as caught:
        reserve("api", PortSpec(first=first, last=first + 1), prefer=None, avoid=())

    assert "Unable to start backend. No available ports." in str(caught.value)
    assert [line.split(":")[0] for line in caught.value.evidence] == [str(first), str(first + 1)]


def test_retrying_after_one_was_freed_works(first: int) -> None:
    """Requirement 77: a retry scans again."""
    spec = PortSpec(first=first, last=first)
    with bound(first), pytest.raises(NoFreePort):
        reserve("api", spec, prefer=None, avoid=())

    again = reserve("api", spec, prefer=None, avoid=())
    assert again is not None
    again.release()


def test_a_port_lost_a_moment_ago_is_avoided(first: int) -> None:
    """Sibling specification: a retry uses another port."""
    reservation = reserve("api", PortSpec(first=first, last=first + 3), prefer=first, avoid={first})

    assert reservation is not None
    assert reservation.port == first + 1
    reservation.release()


@pytest.mark.skipif(sys.platform != "linux", reason="holding a port beside its listener is Linux's")
def test_a_held_port_can_be_listened_on_by_our_back_end_only(first: int) -> None:
    """No gap: the back end, which sets SO_REUSEADDR, binds while we hold; a scanner cannot."""
    reservation = reserve("api", PortSpec(first=first, last=first), prefer=None, avoid=())
    scanner = socket.socket()
    with scanner, pytest.raises(OSError, match="in use"):
        scanner.bind(("127.0.0.1", first))

    assert not listens("127.0.0.1", first)
    with bound(first):
        assert listens("127.0.0.1", first)
    assert reservation is not None
    reservation.release()


def test_a_fixed_port_that_is_taken_is_nobody_elses_fault(first: int) -> None:
    """The caller decides what it means; nothing is raised and nothing is fought for."""
    with bound(first):
        assert reserve("api", PortSpec(fixed=first), prefer=None, avoid=()) is None


def test_addresses_are_those_a_client_can_reach() -> None:
    """Bound to everything means reachable on loopback."""
    assert base_url("0.0.0.0", 8437) == "http://127.0.0.1:8437"
    assert base_url("::1", 8437) == "http://[::1]:8437"


@pytest.mark.anyio
async def test_a_stranger_on_the_fixed_port_is_left_alone(world: World, first: int) -> None:
    """WD-12 with real sockets: foreign, and started once the stranger has gone."""
    stranger = bound(first)
    async with world.supervisor(world.spec(port=PortSpec(fixed=first))) as supervisor:
        await supervisor.wait("api", {S.FOREIGN}, limit=10)
        assert world.journalled("start") == []
        stranger.close()
        status = await supervisor.wait("api", {S.HEALTHY}, limit=10)

    assert status.port == first
    assert world.states() == [S.STARTING, S.FOREIGN, S.STARTING, S.HEALTHY, S.STOPPING, S.STOPPED]


THEFT = """
import os, pathlib, subprocess, sys
note = pathlib.Path(sys.argv[1])
port = sys.argv[sys.argv.index("--port") + 1]
thief = "import socket, sys, time; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); "
thief += "print(flush=True); time.sleep(300)"
if not note.exists():
    stolen = subprocess.Popen(
        [sys.executable, "-c", thief, port], env={}, stdout=subprocess.PIPE, start_new_session=True
    )
    stolen.stdout.read(1)
    note.write_text(str(stolen.pid))
os.execv(sys.executable, [sys.executable, "-S", *sys.argv[2:]])
"""


@pytest.mark.anyio
async def test_a_port_lost_between_choice_and_start_is_chosen_again(world: World, first: int) -> None:
    """A stranger listens the moment we let go: the back end moves on, and no crash is counted."""
    thief = world.folder.parent / "thief"
    spec = world.spec(port=PortSpec(first=first, last=first + 3, handover=PortHandover.RELEASE))
    assert spec.command is not None
    command = (sys.executable, "-c", THEFT, str(thief), *spec.command[2:])
    async with world.supervisor(replace(spec, command=command)) as supervisor:
        status = await supervisor.wait("api", {S.HEALTHY}, limit=10)
    os.kill(int(thief.read_text()), signal.SIGKILL)

    assert (status.port, status.crashes) == (first + 1, 0)
    assert len(world.notices(NoticeKind.MOVED)) == 1
