"""How a stream of Server-Sent Events takes what a subscriber has for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Final

from vidra.api.streams.message import Message
from vidra.api.streams.subscriber import Subscriber

HEARTBEAT_S: Final = 15.0
"""After so long without news a sign of life is due."""


async def led_by(first: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Yield the first part, then the rest, which is closed whatever happens."""
    try:
        yield first
        async for part in rest:
            yield part
    finally:
        await rest.aclose()


async def next_messages(subscriber: Subscriber) -> list[Message] | None:
    """Return what comes next; empty when the stream is over, None after a while without news."""
    try:
        async with asyncio.timeout(HEARTBEAT_S):
            return await subscriber.take()
    except TimeoutError:
        return None
