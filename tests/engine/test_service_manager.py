"""What systemd is told, as it is told: datagrams on a socket it names."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest

from vidra.engine.lifecycle.service_manager import notify, told_service_manager, watchdog_interval


def test_readiness_signs_of_life_and_the_stop_are_told(tmp_path: Path) -> None:
    """In this order, and the signs come from the loop that supervises."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(5)
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "20000"}

        async def live() -> None:
            async with told_service_manager(environment):
                await asyncio.sleep(0.05)

        asyncio.run(live())
        manager.setblocking(False)
        said = []
        while True:
            try:
                said.append(manager.recv(1000).decode())
            except BlockingIOError:
                break

    assert said[0] == "READY=1\nSTATUS=supervising"
    assert said.count("WATCHDOG=1") >= 2
    assert said[-1] == "STOPPING=1\nSTATUS=stopping"


def test_a_loop_that_hangs_gives_no_sign(tmp_path: Path) -> None:
    """So that systemd starts us anew: a timer thread would go on lying."""
    import time

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.setblocking(False)
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "20000"}

        async def hang() -> int:
            async with told_service_manager(environment):
                await asyncio.sleep(0)
                while True:
                    try:
                        manager.recv(1000)
                    except BlockingIOError:
                        break
                time.sleep(0.1)  # noqa: ASYNC251 - hanging is what is tested
                try:
                    manager.recv(1000)
                except BlockingIOError:
                    return 0
                return 1

        assert asyncio.run(hang()) == 0


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_half_of_what_is_allowed_is_the_interval(environment: dict[str, str], expected: float | None) -> None:
    """As systemd advises; one meant for another process is left alone."""
    assert watchdog_interval(environment) == expected


def test_without_systemd_nothing_is_sent() -> None:
    """No socket named, or a name that is none."""
    assert not notify("READY=1", {})
    assert not notify("READY=1", {"NOTIFY_SOCKET": "relative"})
