"""Writers of the embedded server's database wait for their turn in the event loop, not inside SQLite."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prefect.server.database.dependencies import MODELS_DEPENDENCIES, provide_database_interface
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from vidra.engine.lifecycle.one_writer import OneWriter, take_turns


@asynccontextmanager
async def _session(database: OneWriter) -> AsyncIterator[AsyncSession]:
    engine = await database.engine()
    async with await database.session(engine) as session:
        yield session
    await asyncio.sleep(0)


async def _write(database: OneWriter, under_way: list[int]) -> None:
    async with _session(database) as session, database.begin_transaction(session):
        under_way[0] += 1
        under_way[1] = max(under_way)
        await session.execute(text("SELECT count(*) FROM t"))  # what has read first may be refused to write
        await asyncio.sleep(0.01)
        await session.execute(text("INSERT INTO t VALUES (1)"))
        under_way[0] -= 1


async def _crowd(database: OneWriter) -> tuple[int, int]:
    """Return the most transactions at once, and the rows that were written."""
    async with _session(database) as session, database.begin_transaction(session):
        await session.execute(text("CREATE TABLE t (n INTEGER)"))
    under_way = [0, 0]
    await asyncio.gather(*[_write(database, under_way) for _ in range(20)])
    async with _session(database) as session:
        written = await session.scalar(text("SELECT count(*) FROM t"))
    return under_way[1], int(written or 0)


def test_transactions_begin_one_after_another_and_none_is_refused(tmp_path: Path) -> None:
    """A crowd of writers: never two in SQLite at once, and everything is written."""
    database = OneWriter(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}")

    assert asyncio.run(_crowd(database)) == (1, 20)


def test_a_transaction_within_another_does_not_wait_for_itself(tmp_path: Path) -> None:
    """Prefect's rules look things up in sessions of their own while a state is being written."""
    database = OneWriter(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}")

    async def nested() -> int:
        """Read within a transaction that has begun to write."""
        async with _session(database) as outer, database.begin_transaction(outer):
            await outer.execute(text("CREATE TABLE t (n INTEGER)"))
            async with _session(database) as inner, database.begin_transaction(inner):
                return int(await inner.scalar(text("SELECT 7")) or 0)

    async def in_time() -> int:
        """Give up instead of waiting for ever."""
        return await asyncio.wait_for(nested(), 10)

    assert asyncio.run(in_time()) == 7


def test_the_server_uses_such_a_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the server program calls reaches Prefect's own code."""
    monkeypatch.setitem(MODELS_DEPENDENCIES, "database_config", None)
    url = f"sqlite+aiosqlite:///{tmp_path / 'test.db'}"
    monkeypatch.setenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", url)

    take_turns()

    assert isinstance(provide_database_interface().database_config, OneWriter)
