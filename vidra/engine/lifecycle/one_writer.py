"""Prefect's SQLite database with its writers in turn. Imports Prefect's server.

SQLite takes one writer at a time. Left to itself, each further one waits inside SQLite, asleep on a thread
that holds the mutex of its connection. If the event loop happens to collect an old cursor of that very
connection, it waits for the mutex too, and with it the one who has the lock and would give it back: the whole
server stands still for the 60 s that Prefect lets SQLite wait, and then requests are refused. Thirty runs at
once were enough for it. Waiting in the event loop costs nobody anything, and is over when the lock is free.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from weakref import WeakKeyDictionary

from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.server.database.dependencies import MODELS_DEPENDENCIES
from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction

_WRITING: ContextVar[bool] = ContextVar("vidra-writing", default=False)
"""Whether a transaction is open already here, or where this task was started from."""


class OneWriter(AioSqliteConfiguration):
    """The database of one server process: transactions begin one after another, ready to write."""

    def __init__(self, connection_url: str) -> None:
        super().__init__(connection_url)
        self._turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()

    @asynccontextmanager
    async def begin_transaction(
        self,
        session: AsyncSession,
        with_for_update: bool = False,
    ) -> AsyncIterator[AsyncSessionTransaction]:
        """Begin a transaction when it is its turn; one within another begins at once.

        All take the lock when they begin: one that has read first is refused if somebody has written since.
        """
        if _WRITING.get():
            async with super().begin_transaction(session, with_for_update=with_for_update) as transaction:
                yield transaction
            return
        async with self._turns.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
            token = _WRITING.set(True)
            try:
                async with super().begin_transaction(session, with_for_update=True) as transaction:
                    yield transaction
            finally:
                _WRITING.reset(token)


def take_turns() -> None:
    """Have the server of this process use such a database. Call before its application is made."""
    MODELS_DEPENDENCIES["database_config"] = OneWriter(os.environ["PREFECT_SERVER_DATABASE_CONNECTION_URL"])
