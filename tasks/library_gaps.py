"""Fills what media servers left open about films and shows from TMDB, if the owner wants that."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final, TypeVar

import httpx
from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.reporting import RunLogger
from vidra.clock import SYSTEM_CLOCK, Clock
from vidra.engine.library.shelves import open_shelf
from vidra.engine.library.tmdb_cache import TmdbCache, open_tmdb_cache
from vidra.engine.library.tmdb_key import tmdb_key
from vidra.engine.library.tmdb_pace import TmdbPace, tmdb_limit
from vidra.errors import AuthRequired, Missing, RemoteError, TryLater
from vidra.library.gaps import external_ids, filled_in, has_gaps
from vidra.library.records import ITEMS
from vidra.redaction import redact
from vidra.servers.tmdb import Tmdb, TmdbKind, open_tmdb
from vidra.settings import Settings
from vidra.state.keyed import KeyedStore, Put, Tables

T = TypeVar("T")

AT_ONCE: Final = 8
"""Items that are asked for side by side and stored together."""
LONGEST_HOLD_S: Final = 60.0
"""Seconds of `Retry-After` that a sync waits; longer ones are left to the next sync."""
_KINDS: Final = {"movie": TmdbKind.MOVIE, "show": TmdbKind.TV}


class GapFiller:
    """Asks TMDB for items, at the key's pace, and never twice while the last answer counts."""

    def __init__(
        self, tmdb: Tmdb, cache: TmdbCache, pace: TmdbPace, *, language: str, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._tmdb, self._cache, self._pace = tmdb, cache, pace
        self._language, self._clock = language, clock

    async def fill(self, shelf: KeyedStore, *, most: int) -> int:
        """Fill the gaps of up to so many items of a library; return how many were looked at.

        Raises the remote errors; what was filled until then stays.
        """
        now = int(self._clock.now().timestamp())
        due = [record for record in shelf.all(ITEMS) if has_gaps(record, now=now)][:most]
        for start in range(0, len(due), AT_ONCE):
            records = due[start : start + AT_ONCE]
            answers = await asyncio.gather(*(self._answer(one) for one in records), return_exceptions=True)
            good = [(r, a) for r, a in zip(records, answers, strict=True) if not isinstance(a, BaseException)]
            await asyncio.to_thread(self._store, shelf, good, now)
            for answer in answers:
                if isinstance(answer, BaseException):
                    raise answer
        return len(due)

    async def _answer(self, record: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return what is known of the item; None if TMDB has no such page."""
        kind, ids = _KINDS[record["kind"]], external_ids(record)
        names = [f"{provider}-{ids[provider]}" for provider in ("tmdb", "imdb", "tvdb") if provider in ids]
        question = f"{kind.value}/{names[0]}/{self._language}"
        known = await asyncio.to_thread(self._cache.get, question)
        if known is not None:
            return known.found
        try:
            found = await self._asked(kind, ids)
        except Missing:
            found = None
        await asyncio.to_thread(self._cache.put, question, found)
        return found

    async def _asked(self, kind: TmdbKind, ids: Mapping[str, str]) -> Mapping[str, Any] | None:
        tmdb_id: str | None = ids.get("tmdb")
        if tmdb_id is None:
            provider = "imdb" if "imdb" in ids else "tvdb"
            tmdb_id = await self._patiently(lambda: self._tmdb.look_up(kind, provider, ids[provider]))
        if tmdb_id is None:
            return None
        wanted = tmdb_id
        return asdict(await self._patiently(lambda: self._tmdb.details(kind, wanted)))

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask at our turn; once more after the time that TMDB named."""
        await self._pace.wait()
        try:
            return await ask()
        except TryLater as error:
            if error.retry_after is None or error.retry_after > LONGEST_HOLD_S:
                raise
            self._pace.hold(error.retry_after)
        await self._pace.wait()
        return await ask()

    @staticmethod
    def _store(
        shelf: KeyedStore, answers: Sequence[tuple[Mapping[str, Any], Mapping[str, Any] | None]], now: int
    ) -> None:
        def decide(tables: Tables) -> Iterable[Put]:
            for asked, found in answers:
                record = tables.get(ITEMS, asked["key"])
                if record is not None and record.get("guids") == asked.get("guids"):
                    yield ITEMS, asked["key"], filled_in(record, found, now=now)

        shelf.transact(lambda tables: list(decide(tables)), durable=False)


@task(name="fill gaps", task_run_name="fill gaps of {source}", cache_policy=NO_CACHE, persist_result=False)
async def fill_gaps(settings: Settings, source: str, run_logger: RunLogger) -> str | None:
    """Fill gaps of a source's films and shows; return why some are left, None if none are.

    Raises nothing of TMDB's: a library without its words is a library all the same.
    """
    key = await asyncio.to_thread(tmdb_key, settings)
    if key is None:
        return "`tmdb.active` is set, but there is no key: `vidra library tmdb login`, or VIDRA_TMDB_KEY"
    wanted = settings.tmdb
    pace = TmdbPace(tmdb_limit(key, wanted.per_second))
    cache, shelf = open_tmdb_cache(settings.storage), open_shelf(settings.storage, source)
    try:
        await _prepare(pace, run_logger)
        await asyncio.to_thread(cache.clean)
        async with open_tmdb(key, base=wanted.url, language=wanted.language) as tmdb:
            filler = GapFiller(tmdb, cache, pace, language=wanted.language)
            looked = await filler.fill(shelf, most=wanted.per_sync)
    except AuthRequired as error:
        return redact(str(error))
    except RemoteError as error:
        return f"some gaps are left for the next sync: {redact(str(error))}"
    finally:
        cache.close()
        shelf.close()
    if looked:
        run_logger.info("%s: asked TMDB for %d items", source, looked)
    return None


async def _prepare(pace: TmdbPace, run_logger: RunLogger) -> None:
    try:
        await pace.prepare()
    except httpx.HTTPError as error:
        run_logger.info("TMDB is asked at this run's own pace: %s", error)
