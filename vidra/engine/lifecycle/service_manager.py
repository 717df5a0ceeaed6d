"""Tells systemd how we are, if it asked to be told: the `sd_notify` protocol, one datagram each."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

log = logging.getLogger(__name__)


def notify(message: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Send `READY=1`, `STOPPING=1`, `WATCHDOG=1` or `STATUS=…`; return whether somebody listens."""
    address = environment.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    if address.startswith("@"):  # an abstract socket
        address = f"\0{address[1:]}"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.sendto(message.encode(), address)
    except OSError as error:
        log.warning("the service manager cannot be told %s: %s", message, error)
        return False
    return True


def watchdog_interval(environment: Mapping[str, str] = os.environ) -> float | None:
    """Return how often it wants a sign of life, in seconds: half of what it allows. None: not at all."""
    allowed = environment.get("WATCHDOG_USEC", "")
    meant = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    return int(allowed) / 2_000_000 if meant and allowed.isdecimal() and int(allowed) > 0 else None


@asynccontextmanager
async def told_service_manager(environment: Mapping[str, str] = os.environ) -> AsyncIterator[None]:
    """Say that we are ready, give signs of life from this very event loop, say when we begin to stop.

    The loop is the one that supervises: should it hang, the signs stop and systemd starts us anew.
    """
    notify("READY=1\nSTATUS=supervising", environment)
    interval = watchdog_interval(environment)
    signs = None if interval is None else asyncio.create_task(_live(interval, environment))
    try:
        yield
    finally:
        notify("STOPPING=1\nSTATUS=stopping", environment)
        if signs is not None:
            signs.cancel()
            await asyncio.wait([signs])


async def _live(interval: float, environment: Mapping[str, str]) -> None:
    while True:
        notify("WATCHDOG=1", environment)
        await asyncio.sleep(interval)
