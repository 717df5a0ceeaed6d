"""What listeners are sent, made into bytes once for all of them, and why they are sent no more."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import StrEnum, unique
from functools import cached_property
from typing import TypeAlias

import orjson


@unique
class Ending(StrEnum):
    """Why a listener hears no more."""

    TOO_SLOW = "too slow: resume from the last event you have"
    GONE = "there is nothing more to tell"
    SHUTDOWN = "the server stops"
    TOKEN_CHANGED = "the token was changed"  # noqa: S105 - a sentence about tokens, not one


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message, serialised once for all listeners."""

    text: str
    key: Hashable | None = None
    """Messages with the same key replace one another while they wait; None for what must arrive."""
    event: str = ""
    place: str | None = None
    """Where to resume behind it; None within what cannot be taken apart."""

    @cached_property
    def event_json(self) -> str:
        """The event as one JSON object, with its place."""
        place = f'"id":{orjson.dumps(self.place).decode()},' if self.place else ""
        return f'{{{place}"event":"{self.event}","data":{self.text}}}'

    @cached_property
    def sse(self) -> bytes:
        """The event as lines of an event stream; JSON has no line breaks of its own."""
        place = f"id: {self.place}\n" if self.place else ""
        return f"{place}event: {self.event}\ndata: {self.text}\n\n".encode()

    @cached_property
    def frame(self) -> bytes:
        """The text as one WebSocket frame."""
        return _frame(self.text)

    @cached_property
    def event_frame(self) -> bytes:
        """The event as one WebSocket frame."""
        return _frame(self.event_json)


def connected(place: str) -> Message:
    """Return what a WebSocket of events begins with: who loses it before the first event can come back."""
    return Message(text="{}", event="connected", place=place)


Form: TypeAlias = Callable[[Message], bytes]
"""Makes the bytes a listener is sent for a message; the same function for listeners of the same kind."""


def _frame(text: str) -> bytes:
    """Return a text frame of a server (RFC 6455, section 5.2): the same for every peer."""
    data = text.encode()
    size = len(data)
    if size < 126:
        return b"\x81" + bytes((size,)) + data
    if size < 65_536:
        return b"\x81\x7e" + size.to_bytes(2) + data
    return b"\x81\x7f" + size.to_bytes(8) + data
