"""Fills what media servers left open about their items from TMDB, if the owner wants that."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.reporting import RunLogger
from tasks.tmdb_desk import Answer, TmdbDesk, open_desk
from vidra.clock import SYSTEM_CLOCK, Clock
from vidra.engine.library.shelves import open_shelf
from vidra.errors import AuthRequired, RemoteError
from vidra.library.gaps import external_ids, filled_in, has_episode_gaps, has_gaps
from vidra.library.records import ITEMS, key_of
from vidra.redaction import redact
from vidra.servers.tmdb import TmdbKind
from vidra.settings import Settings
from vidra.state.keyed import KeyedStore, Put, Tables

AT_ONCE: Final = 8
"""Questions that are asked side by side, and their answers stored together."""
_KINDS: Final = {"movie": TmdbKind.MOVIE, "show": TmdbKind.TV}
Record = Mapping[str, Any]
Filling = tuple[Record, Answer]


class GapFiller:
    """Asks for films and shows one by one, then for episodes by their seasons."""

    def __init__(self, desk: TmdbDesk, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self._desk, self._clock = desk, clock

    async def fill(self, shelf: KeyedStore, *, most: int) -> int:
        """Fill gaps with the answers to so many questions at most; return how many were asked.

        Raises the remote errors; what was filled until then stays.
        """
        now = int(self._clock.now().timestamp())
        works = [record for record in shelf.all(ITEMS) if has_gaps(record, now=now)][:most]
        await self._in_batches(shelf, [partial(self._work, record) for record in works], now)
        seasons = list(self._seasons(shelf, now=now))[: most - len(works)]
        await self._in_batches(shelf, [partial(self._season, *season) for season in seasons], now)
        return len(works) + len(seasons)

    async def _work(self, record: Record) -> list[Filling]:
        return [(record, await self._desk.work(_KINDS[record["kind"]], external_ids(record)))]

    @staticmethod
    def _seasons(shelf: KeyedStore, *, now: int) -> Iterable[tuple[str, int, list[Record]]]:
        """Yield show, number and episodes of the seasons that have gaps, of shows that TMDB knows."""
        found: dict[tuple[str, int], list[Record]] = defaultdict(list)
        for record in shelf.all(ITEMS):
            if has_episode_gaps(record, now=now):
                found[key_of(record["section"], "show", record["show"]), record["season"]].append(record)
        for (show, number), episodes in found.items():
            tmdb_id = external_ids(shelf.get(ITEMS, show) or {}, filled=True).get("tmdb")
            if tmdb_id is not None:
                yield tmdb_id, number, episodes

    async def _season(self, tmdb_id: str, number: int, episodes: Sequence[Record]) -> list[Filling]:
        known = await self._desk.season(tmdb_id, number) or {}
        return [(record, _of_episode(known.get(str(record["episode"])))) for record in episodes]

    async def _in_batches(
        self, shelf: KeyedStore, questions: Sequence[Callable[[], Awaitable[list[Filling]]]], now: int
    ) -> None:
        for start in range(0, len(questions), AT_ONCE):
            batch = [ask() for ask in questions[start : start + AT_ONCE]]
            answers = await asyncio.gather(*batch, return_exceptions=True)
            good = [one for answer in answers if isinstance(answer, list) for one in answer]
            await asyncio.to_thread(self._store, shelf, good, now)
            for answer in answers:
                if isinstance(answer, BaseException):
                    raise answer

    @staticmethod
    def _store(shelf: KeyedStore, answers: Sequence[Filling], now: int) -> None:
        def decide(tables: Tables) -> Iterable[Put]:
            for asked, found in answers:
                record = tables.get(ITEMS, asked["key"])
                if record is not None and record.get("guids") == asked.get("guids"):
                    yield ITEMS, asked["key"], filled_in(record, found, now=now)

        shelf.transact(lambda tables: list(decide(tables)), durable=False)


@task(name="fill gaps", task_run_name="fill gaps of {source}", cache_policy=NO_CACHE, persist_result=False)
async def fill_gaps(settings: Settings, source: str, run_logger: RunLogger) -> str | None:
    """Fill gaps of a source's items; return why some are left, None if none are.

    Raises nothing of TMDB's: a library without its words is a library all the same.
    """
    shelf = open_shelf(settings.storage, source)
    try:
        async with open_desk(settings, say=run_logger.info) as desk:
            asked = await GapFiller(desk).fill(shelf, most=settings.tmdb.per_sync)
    except AuthRequired as error:
        return redact(str(error))
    except RemoteError as error:
        return f"some gaps are left for the next sync: {redact(str(error))}"
    finally:
        shelf.close()
    if asked:
        run_logger.info("%s: asked TMDB %d questions", source, asked)
    return None


def _of_episode(found: Answer) -> Answer:
    """Return an episode's answer with its picture under the name that all items share."""
    return found and {**found, "poster": found.get("still")}
