"""Reads a request's body whole before anybody looks at it: bounded in bytes and in time."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.types import Message, Receive

from vidra.api.hosts import Headers, values
from vidra.api.json_vetting import JsonRefused, vetted
from vidra.api.refusals import Refusal

LARGEST: Final = 64 * 1024
"""Bytes of a body."""
PATIENCE: Final = 10.0
"""Seconds a body may take to arrive."""


class BodyRefused(Exception):
    """The body is not taken; `refusal` is the answer."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal
        super().__init__(refusal.code)


async def read_body(headers: Headers, receive: Receive) -> bytes:
    """Return the whole body, vetted if there is one.

    Raises `BodyRefused` for one that is too large, too slow, not JSON by its type, or bad JSON.
    """
    declared = values(headers, b"content-length")
    if declared and declared[0].isdecimal() and int(declared[0][:20]) > LARGEST:
        raise _too_large()
    try:
        body = await asyncio.wait_for(_collected(receive), PATIENCE)
    except TimeoutError as error:
        refusal = Refusal(status=408, code="body_too_slow", detail=f"the body took over {PATIENCE:g} s")
        raise BodyRefused(refusal) from error
    if body:
        _check_json(headers, body)
    return body


def replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives the body once, then what comes after it."""
    given = False

    async def receive_again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again


async def _collected(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b""  # the client is gone; whatever we answer is not read
        part = message.get("body", b"")
        size += len(part)
        if size > LARGEST:
            raise _too_large()
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


def _check_json(headers: Headers, body: bytes) -> None:
    media_type = (values(headers, b"content-type") or [""])[0].partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        detail = {"json": f"expected Content-Type application/json, got {media_type[:100] or 'none'}"}
        raise BodyRefused(Refusal(status=415, code="invalid_json_payload", detail=detail))
    try:
        vetted(body)
    except JsonRefused as error:
        refusal = Refusal(status=400, code="invalid_json_payload", detail={"json": str(error)})
        raise BodyRefused(refusal) from error


def _too_large() -> BodyRefused:
    return BodyRefused(
        Refusal(status=413, code="body_too_large", detail=f"a body has at most {LARGEST} bytes")
    )
