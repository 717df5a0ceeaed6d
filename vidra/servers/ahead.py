"""The next page of a listing, asked for while the one before it is being worked on."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

T = TypeVar("T")


class Ahead(Generic[T]):
    """Holds one request under way: the server's work and ours go on side by side. A context manager."""

    def __init__(self) -> None:
        self._asked: asyncio.Task[T] | None = None

    def ask(self, request: Coroutine[Any, Any, T]) -> None:
        """Send a request; its answer is what `answer` returns next."""
        self._asked = asyncio.create_task(request)

    async def answer(self) -> T:
        """Return the answer to what was asked; raises what it raised."""
        assert self._asked is not None  # noqa: S101 - every `answer` follows an `ask`
        return await self._asked

    async def __aenter__(self) -> Self:
        """Return self."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give up what nobody waits for any more."""
        if self._asked is None:
            return
        self._asked.cancel()
        await asyncio.wait([self._asked])
        if not self._asked.cancelled():
            self._asked.exception()  # looked at, or asyncio complains that nobody did
