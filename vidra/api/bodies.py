"""Reads a request's body whole before anybody looks at it: bounded in bytes and in time."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from starlette.types import Message, Receive

from vidra.api.hosts import Headers, values
from vidra.api.json_vetting import JsonRefused, vetted
from vidra.api.refusals import Refusal

LARGEST: Final = 64 * 1024
"""Bytes of a body."""
PATIENCE: Final = 10.0
"""Seconds a body may take to arrive."""
DRAINED: Final = 8 * 1024 * 1024
"""Bytes of a refused body that are read and thrown away before we hang up."""
DRAIN_S: Final = 1.0
"""Seconds that may take."""


class BodyRefused(Exception):
    """The body is not taken; `refusal` is the answer."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal
        super().__init__(refusal.code)


async def read_body(headers: Headers, receive: Receive) -> bytes:
    """Return the whole body. Raises `BodyRefused` for one that is too large or too slow.

    What is too large is still read and thrown away, within bounds: hanging up on a peer that is
    still sending would take our answer from it.
    """
    declared = values(headers, b"content-length")
    announced = int(declared[0][:20]) if declared and declared[0].isdecimal() else 0
    try:
        if announced > LARGEST:
            await _drain(receive, announced)
            raise _too_large()
        return await asyncio.wait_for(_collected(receive), PATIENCE)
    except TimeoutError as error:
        refusal = Refusal(status=408, code="body_too_slow", detail=f"the body took over {PATIENCE:g} s")
        raise BodyRefused(refusal) from error


def check_json(headers: Headers, body: bytes) -> None:
    """Raise `BodyRefused` for a body that is not JSON by its type, or bad JSON; none at all is fine."""
    if not body:
        return
    media_type = (values(headers, b"content-type") or [""])[0].partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        detail = {"json": f"expected Content-Type application/json, got {media_type[:100] or 'none'}"}
        raise BodyRefused(Refusal(status=415, code="invalid_json_payload", detail=detail))
    try:
        vetted(body)
    except JsonRefused as error:
        refusal = Refusal(status=400, code="invalid_json_payload", detail={"json": str(error)})
        raise BodyRefused(refusal) from error


def replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives the body once, then what comes after it."""
    given = False

    async def receive_again() -> Message:
        """Hand out the body that was read, then whatever comes after it."""
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again


async def _collected(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        part, more = await _part(receive)
        size += len(part)
        if size > LARGEST:
            await _drain(receive, DRAINED)
            raise _too_large()
        parts.append(part)
    return b"".join(parts)


async def _drain(receive: Receive, most: int) -> None:
    """Read and throw away, for a moment and up to a bound."""
    left, more = min(most, DRAINED), True
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_S):
            while more and left > 0:
                part, more = await _part(receive)
                left -= len(part)


async def _part(receive: Receive) -> tuple[bytes, bool]:
    message = await receive()
    if message["type"] != "http.request":
        return b"", False  # the client is gone; whatever we answer is not read
    return message.get("body", b""), message.get("more_body", False)


def _too_large() -> BodyRefused:
    return BodyRefused(
        Refusal(status=413, code="body_too_large", detail=f"a body has at most {LARGEST} bytes")
    )
