"""What is asked of TMDB and what is made of its answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpx
import pytest
from pydantic import SecretStr

from tests.servers.fake_tmdb import KEY, TOKEN, FakeTmdb
from vidra.errors import AuthRequired, Missing, Refused, TryLater
from vidra.servers.tmdb import Found, Tmdb, TmdbKind, open_tmdb

T = TypeVar("T")


def asking(fake: FakeTmdb, work: Callable[[Tmdb], Awaitable[T]], *, key: str = KEY) -> T:
    """Do one thing with TMDB."""

    async def main() -> T:
        transport = httpx.ASGITransport(fake.app())
        async with open_tmdb(SecretStr(key), base="http://tmdb.test/3/", transport=transport) as tmdb:
            return await work(tmdb)

    return asyncio.run(main())


@pytest.mark.parametrize("key", [KEY, TOKEN])
def test_details_are_read_with_either_kind_of_key(key: str) -> None:
    """Text, rating, ids and picture paths, in one request."""
    fake = FakeTmdb()
    found = asking(fake, lambda tmdb: tmdb.details(TmdbKind.MOVIE, "603"), key=key)
    assert found == Found(
        tmdb_id="603", overview="A hacker learns.", rating=8.2, votes=26000, genres=("Action",),
        imdb_id="tt0133093", poster="/poster.jpg", backdrop="/back.jpg",
    )  # fmt: skip
    assert fake.asked == ["movie/603"]


def test_a_rating_of_nobody_and_an_odd_picture_are_none() -> None:
    """What is not as described is left out, not passed on."""
    fake = FakeTmdb()
    fake.pages["movie/348"] |= {"poster_path": "//elsewhere.test/x.jpg", "imdb_id": "nm1"}
    found = asking(fake, lambda tmdb: tmdb.details(TmdbKind.MOVIE, "348"))
    assert found == Found(tmdb_id="348", overview="In space.")


def test_an_id_of_another_provider_is_looked_up() -> None:
    """And only what is of the kind that was asked for."""
    fake = FakeTmdb()
    assert asking(fake, lambda tmdb: tmdb.look_up(TmdbKind.TV, "tvdb", "81189")) == "1396"
    assert asking(fake, lambda tmdb: tmdb.look_up(TmdbKind.MOVIE, "tvdb", "81189")) is None


@pytest.mark.parametrize(("status", "error"), [(404, Missing), (429, TryLater), (401, AuthRequired)])
def test_refusals_have_their_usual_meanings(status: int, error: type[Exception]) -> None:
    """An unknown film, too many requests with the time to wait, a key that is none."""
    fake = FakeTmdb()
    fake.refusals, fake.retry_after = int(status == 429), "7"
    key = "wrong-key-0000" if status == 401 else KEY
    with pytest.raises(error) as caught:
        asking(fake, lambda tmdb: tmdb.details(TmdbKind.MOVIE, "1"), key=key)
    assert getattr(caught.value, "retry_after", 7) == 7
    assert key not in str(caught.value)


@pytest.mark.parametrize("wrong", ["../account", "603?x=", ""])
def test_an_id_that_is_none_is_not_sent(wrong: str) -> None:
    """Ids come from servers, which may say anything."""
    fake = FakeTmdb()
    with pytest.raises(Refused):
        asking(fake, lambda tmdb: tmdb.details(TmdbKind.MOVIE, wrong))
    with pytest.raises(Refused):
        asking(fake, lambda tmdb: tmdb.look_up(TmdbKind.MOVIE, "imdb", wrong))
    assert not fake.asked


@pytest.mark.parametrize("key", [KEY, TOKEN])
def test_no_log_at_any_level_has_the_key(key: str, caplog: pytest.LogCaptureFixture) -> None:
    """Though the short one travels in the address, which HTTP libraries like to log."""
    fake = FakeTmdb()
    with caplog.at_level(logging.DEBUG):
        asking(fake, lambda tmdb: tmdb.details(TmdbKind.MOVIE, "603"), key=key)
    assert "tmdb.test/3/movie/603" in caplog.text
    assert key not in caplog.text
