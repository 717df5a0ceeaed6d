"""Gaps are filled from TMDB beside what the server said, at a pace, from a cache, and stay filled."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from tasks.library_gaps import GapFiller
from tasks.tmdb_desk import TmdbDesk
from tests.library.syncing import START, Desk
from tests.servers.fake_plex import FakePlex
from tests.servers.fake_tmdb import KEY, FakeTmdb
from tests.servers.sources import plex_with_library
from vidra.clock import ManualClock
from vidra.engine.library.tmdb_cache import DETAILS_S, MISSING_S, TmdbCache
from vidra.engine.library.tmdb_pace import TmdbPace, tmdb_limit
from vidra.errors import TryLater
from vidra.library.catalogue import Catalogue
from vidra.library.gaps import AGAIN_S, filled_in, has_gaps
from vidra.library.pages import full
from vidra.library.rows import Shown
from vidra.servers.tmdb import open_tmdb
from vidra.state.keyed import MemoryKeyedStore

FILM = "1/movie/1"


class Patient(TmdbPace):
    """Takes turns without Prefect and notes how long it was told to wait."""

    def __init__(self) -> None:
        super().__init__(tmdb_limit(SecretStr(KEY), 40))
        self.turns, self.held = 0, list[float]()

    async def wait(self) -> None:
        """Count."""
        self.turns += 1

    def hold(self, seconds: float) -> None:
        """Note."""
        self.held.append(seconds)


class Study:
    """A synced library, TMDB, and what stands between them."""

    def __init__(self) -> None:
        self.tmdb, self.pace, self.clock = FakeTmdb(), Patient(), ManualClock(START)
        self.desk: Desk[FakePlex] = Desk(MemoryKeyedStore(), plex_with_library())
        film = self.desk.fake.items["1"]
        for name in ("summary", "thumb", "art", "rating", "Genre"):
            film.pop(name, None)
        self.desk.sync()
        self.cache = TmdbCache(MemoryKeyedStore(), clock=self.clock)

    def fill(self, shelf: Any = None, most: int = 100) -> int:
        """Fill gaps once."""

        async def main() -> int:
            transport = httpx.ASGITransport(self.tmdb.app())
            async with open_tmdb(SecretStr(KEY), base="http://tmdb.test/3", transport=transport) as tmdb:
                desk = TmdbDesk(tmdb, self.cache, self.pace, language="en-US")
                return await GapFiller(desk, clock=self.clock).fill(shelf or self.desk.store, most=most)

        return asyncio.run(main())

    def page(self, key: str = FILM) -> dict[str, Any]:
        """Return the item as people and programs see it."""
        record = self.desk.store.get("items", key)
        assert record is not None
        return full(Shown(source="home", record=record))


@pytest.fixture
def study() -> Study:
    """Return a library with a film of which the server says nothing but title and ids."""
    return Study()


@pytest.fixture
def filled(study: Study) -> Study:
    """Return it with its gaps filled."""
    study.fill()
    return study


def test_gaps_are_filled_and_said_to_be(filled: Study) -> None:
    """Text, rating, genres, pictures, and the other external ids, by which it is found from now on."""
    page = filled.page()
    assert (page["summary"], page["rating"], page["genres"]) == ("A hacker learns.", 8.2, ["Action"])
    assert page["artwork"]["thumb"] == "https://image.tmdb.org/t/p/original/poster.jpg"
    assert page["from_tmdb"] == ["artwork", "genres", "rating", "summary"]
    assert page["guids"] == ["tmdb://603", "imdb://tt0133093"]
    catalogue = Catalogue()
    filled.desk.store.follow("items", catalogue)
    assert [one["key"] for one in catalogue.by_guid("imdb://tt0133093")] == [FILM]


def test_what_the_server_says_is_never_replaced(filled: Study) -> None:
    """Neither what it said before nor what it says later; the rest of the gaps stays filled."""
    before = filled.desk.store.get("items", FILM)
    assert before is not None
    assert "summary" not in json.loads(before["details"])
    filled.desk.fake.items["1"] |= {"summary": "The server's.", "updatedAt": filled.desk.now + 60}
    filled.desk.sync()
    page = filled.page()
    assert page["summary"] == "The server's."
    assert (page["rating"], page["from_tmdb"]) == (8.2, ["artwork", "genres", "rating"])


def test_a_filled_library_is_unchanged_to_the_next_sync(filled: Study) -> None:
    """Incremental or full; and TMDB is not asked again."""
    assert filled.desk.sync().difference == {}
    assert filled.desk.sync(full=True).difference == {}
    assert filled.fill() == 0
    assert filled.tmdb.asked == ["movie/603"]


def test_a_film_that_became_another_is_asked_for_anew(filled: Study) -> None:
    """A corrected match on the server: nothing of the wrong film stays."""
    filled.desk.fake.items["1"] |= {"Guid": [{"id": "tmdb://348"}], "updatedAt": filled.desk.now + 60}
    filled.desk.sync()
    assert "summary" not in filled.page()
    filled.fill()
    assert filled.page()["summary"] == "In space."


def test_an_answer_counts_for_every_source_while_it_lasts(filled: Study) -> None:
    """A day for details."""
    other = Study()
    filled.fill(other.desk.store)
    assert filled.tmdb.asked == ["movie/603"]
    filled.clock.advance(DETAILS_S)
    filled.fill(Study().desk.store)
    assert filled.tmdb.asked == ["movie/603"] * 2


def test_a_page_that_is_not_there_is_remembered(study: Study) -> None:
    """For a week; then it may be there."""
    del study.tmdb.pages["movie/603"]
    study.fill()
    study.clock.advance(MISSING_S - 1)
    study.fill(Study().desk.store)
    assert study.tmdb.asked == ["movie/603"]
    study.clock.advance(1)
    study.cache.clean()
    study.fill(Study().desk.store)
    assert study.tmdb.asked == ["movie/603"] * 2


def test_an_item_without_tmdb_id_is_looked_up_by_another(study: Study) -> None:
    """The show's id at TVDB leads to its page."""
    study.desk.fake.items["1000"] |= {"Guid": [{"id": "tvdb://81189"}], "updatedAt": study.desk.now + 60}
    study.desk.sync()
    study.fill()
    assert study.page("2/show/1000")["summary"] == "A teacher."
    assert "tmdb://1396" in study.page("2/show/1000")["guids"]


def test_retry_after_is_waited_for_once(study: Study) -> None:
    """All requests wait; a second refusal, or a long wait, is left to the next sync."""
    study.tmdb.refusals, study.tmdb.retry_after = 1, "7"
    study.fill()
    assert (study.pace.held, study.pace.turns) == ([7.0], 2)
    later = Study()
    later.tmdb.refusals, later.tmdb.retry_after = 1, "600"
    with pytest.raises(TryLater):
        later.fill()
    assert later.pace.held == []
    assert later.fill() == 1


def test_episodes_are_filled_by_the_season(study: Study) -> None:
    """One question for all of a season, once their show is known; what the server says stays."""
    study.desk.fake.items["1000"] |= {"Guid": [{"id": "tmdb://1396"}], "updatedAt": study.desk.now + 60}
    study.desk.fake.items["1102"] |= {"summary": "The server's.", "updatedAt": study.desk.now + 60}
    for number in ("1101", "1102"):
        study.desk.fake.items[number].pop("thumb")
    study.desk.sync(full=True)
    study.fill()
    first, second = study.page("2/episode/1101"), study.page("2/episode/1102")
    assert (first["summary"], first["rating"]) == ("It begins.", 7.7)
    assert first["artwork"]["thumb"].endswith("/still.jpg")
    assert (second["summary"], "from_tmdb" in second) == ("The server's.", False)
    assert study.tmdb.asked.count("tv/1396/season/1") == 1
    assert study.tmdb.asked.count("tv/1396/season/2") == 1, "not there, and not asked for again"
    assert study.fill() == 0
    assert study.desk.sync(full=True).difference == {}


def test_only_so_many_are_asked_for_and_episodes_by_themselves_are_not() -> None:
    """The next sync goes on with what is due, thirty days after the last question."""
    film = {"kind": "movie", "guids": ["tmdb://1"], "key": "1/movie/1", "title": "x"}
    now = int(START.timestamp())
    assert has_gaps(film, now=now)
    assert not has_gaps({**film, "kind": "episode"}, now=now)
    assert not has_gaps({**film, "guids": ["plex://movie/1"]}, now=now)
    asked = filled_in(film, None, now=now)
    assert not has_gaps(asked, now=now + AGAIN_S - 1)
    assert has_gaps(asked, now=now + AGAIN_S)


def test_no_second_has_more_requests_than_allowed() -> None:
    """However a batch and what comes back fall together; the limit's name tells nothing of the key."""
    for wanted in range(2, 41):
        limit = tmdb_limit(SecretStr(KEY), wanted)
        assert limit.slots + 1.25 * limit.per_second <= wanted
        assert KEY not in limit.name
