"""The Movie Database: what it knows of a film or show. Needs a key; no picture is fetched here."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

import httpx
from pydantic import SecretStr

from vidra.clock import SYSTEM_CLOCK, Clock
from vidra.errors import AuthRequired, Refused
from vidra.redaction import redact_url
from vidra.servers.fields import Fields, integer, number, objects, text
from vidra.servers.wire import Json, Query, as_object, exchange, header_secret, parsed

TMDB: Final = "https://api.themoviedb.org/3"
LIMIT: Final = 10.0
"""Seconds one answer may take."""
_NUMBER: Final = re.compile(r"[0-9]{1,12}", re.ASCII)
_EXTERNAL: Final = {"imdb": re.compile(r"tt[0-9]{1,12}", re.ASCII), "tvdb": _NUMBER}
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_PICTURE: Final = re.compile(r"/[\w.-]{1,100}\.(?:jpg|png)", re.ASCII)


@unique
class TmdbKind(StrEnum):
    """What TMDB has pages of, by its own names."""

    MOVIE = "movie"
    TV = "tv"


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What TMDB knows of one film or show; None and empty where it does not."""

    tmdb_id: str
    title: str | None = None
    released: str | None = None
    """When it was first shown, `YYYY-MM-DD`."""
    overview: str | None = None
    rating: float | None = None
    """0 to 10; None if nobody voted."""
    votes: int | None = None
    genres: tuple[str, ...] = ()
    imdb_id: str | None = None
    tvdb_id: str | None = None
    poster: str | None = None
    """Path of the picture, as `/abc.jpg`, below `https://image.tmdb.org/t/p/<size>`."""
    backdrop: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundEpisode:
    """What TMDB knows of one episode; None where it does not."""

    number: int
    title: str | None = None
    overview: str | None = None
    released: str | None = None
    rating: float | None = None
    votes: int | None = None
    still: str | None = None
    """Path of a picture, as `Found.poster`."""


class Tmdb:
    """Asks as media servers are asked: 404 is `Missing`, 429 `TryLater` with its `Retry-After`.

    A key that TMDB does not take is `AuthRequired`. Made by `open_tmdb`.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        base: str = TMDB,
        language: str = "en-US",
        token: SecretStr | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._client, self._base, self._language, self._clock = client, base.rstrip("/"), language, clock
        self._headers = {"Accept": "application/json"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {header_secret(token)}"

    async def details(self, kind: TmdbKind, tmdb_id: str) -> Found:
        """Return what is known of one film or show."""
        if not _NUMBER.fullmatch(tmdb_id):
            raise Refused(f"TMDB id {tmdb_id!r}: expected a number")
        query = {"append_to_response": "external_ids", "language": self._language}
        return _found(await self._get(f"/{kind.value}/{tmdb_id}", query), tmdb_id)

    async def season(self, tmdb_id: str, number: int) -> tuple[FoundEpisode, ...]:
        """Return what is known of the episodes of a show's season, all in one answer."""
        if not _NUMBER.fullmatch(tmdb_id):
            raise Refused(f"TMDB id {tmdb_id!r}: expected a number")
        page = await self._get(f"/tv/{tmdb_id}/season/{number:d}", {"language": self._language})
        return tuple(found for one in objects(page, "episodes") if (found := _episode(one)) is not None)

    async def look_up(self, kind: TmdbKind, provider: str, external_id: str) -> str | None:
        """Return the TMDB id of what IMDb (`imdb`) or TVDB (`tvdb`) calls so; None if TMDB has none."""
        pattern = _EXTERNAL.get(provider)
        if pattern is None or not pattern.fullmatch(external_id):
            raise Refused(f"external id {provider}://{external_id}: expected `imdb://tt…` or `tvdb://…`")
        page = await self._get(f"/find/{external_id}", {"external_source": f"{provider}_id"})
        found = [text(one, "id") for one in objects(page, f"{kind.value}_results")]
        return found[0] if len(found) == 1 else None

    async def check(self) -> None:
        """Raise `AuthRequired` unless the key works."""
        await self._get("/configuration", None)

    async def _get(self, path: str, query: Query) -> Json:
        url = self._base + path
        try:
            response = await exchange(
                self._client,
                "GET",
                url,
                params=query,
                headers=self._headers,
                limit=LIMIT,
                clock=self._clock,
            )
        except AuthRequired as error:
            shown = redact_url(url)
            raise AuthRequired(
                f"{shown}: TMDB does not take the key; give it a valid one", url=shown, status=error.status
            ) from error
        return as_object(parsed(response), url)


@asynccontextmanager
async def open_tmdb(
    key: SecretStr,
    *,
    base: str = TMDB,
    language: str = "en-US",
    transport: httpx.AsyncBaseTransport | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> AsyncIterator[Tmdb]:
    """Yield a client; both kinds of keys do: the short "API key" and the long "read access token".

    The short one can only travel in the address, and is put there below everything that logs addresses.
    """
    value = header_secret(key)
    inner = transport or httpx.AsyncHTTPTransport(trust_env=False)
    is_token = "." in value  # a signed token has three parts, a short key none
    outer = inner if is_token else _KeyAddedLast(inner, value)
    async with httpx.AsyncClient(transport=outer, trust_env=False, follow_redirects=False) as client:
        yield Tmdb(client, base=base, language=language, token=key if is_token else None, clock=clock)


class _KeyAddedLast(httpx.AsyncBaseTransport):
    """Adds the key to the address that goes over the wire; the request others see stays without it."""

    def __init__(self, inner: httpx.AsyncBaseTransport, key: str) -> None:
        self._inner, self._key = inner, key

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send."""
        sent = httpx.Request(
            request.method,
            request.url.copy_merge_params({"api_key": self._key}),
            headers=request.headers,
            stream=request.stream,
            extensions=request.extensions,
        )
        return await self._inner.handle_async_request(sent)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._inner.aclose()


def _found(page: Fields, tmdb_id: str) -> Found:
    external = page.get("external_ids")
    ids: Fields = external if isinstance(external, dict) else {}
    rating, votes = _voted(page)
    return Found(
        tmdb_id=tmdb_id,
        title=text(page, "title") or text(page, "name"),
        released=_matching(_DAY, text(page, "release_date") or text(page, "first_air_date")),
        overview=text(page, "overview"),
        rating=rating,
        votes=votes,
        genres=tuple(name for one in objects(page, "genres") if (name := text(one, "name"))),
        imdb_id=_matching(_EXTERNAL["imdb"], text(ids, "imdb_id") or text(page, "imdb_id")),
        tvdb_id=_matching(_EXTERNAL["tvdb"], text(ids, "tvdb_id")),
        poster=_matching(_PICTURE, text(page, "poster_path")),
        backdrop=_matching(_PICTURE, text(page, "backdrop_path")),
    )


def _episode(page: Fields) -> FoundEpisode | None:
    number = integer(page, "episode_number")
    if number is None:
        return None
    rating, votes = _voted(page)
    return FoundEpisode(
        number=number,
        title=text(page, "name"),
        overview=text(page, "overview"),
        released=_matching(_DAY, text(page, "air_date")),
        rating=rating,
        votes=votes,
        still=_matching(_PICTURE, text(page, "still_path")),
    )


def _voted(page: Fields) -> tuple[float | None, int | None]:
    """Return rating and votes; a rating of nobody is none."""
    votes, rating = integer(page, "vote_count") or 0, number(page, "vote_average")
    if not votes or rating is None or not 0 <= rating <= 10:
        return None, votes or None
    return rating, votes


def _matching(pattern: re.Pattern[str], value: str | None) -> str | None:
    return value if value is not None and pattern.fullmatch(value) else None
