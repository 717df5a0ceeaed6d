"""Where tasks ask The Movie Database: at the key's pace, and never twice while the last answer counts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any, Final, TypeVar

import httpx

from vidra.engine.library.tmdb_cache import TmdbCache, open_tmdb_cache
from vidra.engine.library.tmdb_key import tmdb_key
from vidra.engine.library.tmdb_pace import TmdbPace, tmdb_limit
from vidra.errors import AuthRequired, Missing, TryLater
from vidra.servers.tmdb import Tmdb, TmdbKind, open_tmdb
from vidra.settings import Settings

T = TypeVar("T")
Answer = Mapping[str, Any] | None
"""What TMDB knows, without what it does not; None if it has no such page."""

LONGEST_HOLD_S: Final = 60.0
"""Seconds of `Retry-After` that are waited; longer ones are left to the next run."""
_PROVIDERS: Final = ("tmdb", "imdb", "tvdb")


class TmdbDesk:
    """Answers from the cache or from TMDB. Raises the remote errors."""

    def __init__(self, tmdb: Tmdb, cache: TmdbCache, pace: TmdbPace, *, language: str) -> None:
        self._tmdb, self._cache, self._pace, self._language = tmdb, cache, pace, language

    async def work(self, kind: TmdbKind, ids: Mapping[str, str]) -> Answer:
        """Return what is known of the film or show that has one of these ids, by provider."""
        name = next(f"{provider}-{ids[provider]}" for provider in _PROVIDERS if provider in ids)
        return await self._answer(f"{kind.value}/{name}", lambda: self._work(kind, ids))

    async def season(self, tmdb_id: str, number: int) -> Answer:
        """Return what is known of a season's episodes, by their numbers as texts."""

        async def ask() -> Answer:
            """Ask for all of them."""
            found = await self._patiently(lambda: self._tmdb.season(tmdb_id, number))
            return {str(one.number): {n: v for n, v in asdict(one).items() if v} for one in found}

        return await self._answer(f"tv/tmdb-{tmdb_id}/season-{number}", ask)

    async def _answer(self, question: str, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        question = f"{question}/{self._language}"
        known = await asyncio.to_thread(self._cache.get, question)
        if known is not None:
            return known.found
        try:
            found = await ask()
        except Missing:
            found = None
        await asyncio.to_thread(self._cache.put, question, found)
        return found

    async def _work(self, kind: TmdbKind, ids: Mapping[str, str]) -> Answer:
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


@asynccontextmanager
async def open_desk(settings: Settings, *, say: Callable[[str], None]) -> AsyncIterator[TmdbDesk]:
    """Yield a desk for the owner's key; raise `AuthRequired` without one. `say` hears of trouble."""
    key = await asyncio.to_thread(tmdb_key, settings)
    if key is None:
        raise AuthRequired(
            "`tmdb.active` is set, but there is no key: `vidra library tmdb login`, or VIDRA_TMDB_KEY"
        )
    wanted = settings.tmdb
    pace, cache = TmdbPace(tmdb_limit(key, wanted.per_second)), open_tmdb_cache(settings.storage)
    try:
        try:
            await pace.prepare()
        except httpx.HTTPError as error:
            say(f"TMDB is asked at this run's own pace: {error}")
        await asyncio.to_thread(cache.clean)
        async with open_tmdb(key, base=wanted.url, language=wanted.language) as tmdb:
            yield TmdbDesk(tmdb, cache, pace, language=wanted.language)
    finally:
        cache.close()
