"""The watchlist: listed in pages, changed in either form, refusals told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpx
import pytest
from pydantic import SecretStr

from tests.servers.sources import IDENTITY
from vidra.errors import AuthRequired, TryLater
from vidra.servers.plex_discover import CallForm, PlexDiscover

T = TypeVar("T")


class FakeDiscover:
    """A watchlist of many items; notes what it is asked."""

    def __init__(self, count: int) -> None:
        self.ids = [str(number) for number in range(count)]
        self.asked: list[str] = []
        self.status = 200

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        self.asked.append(f"{request.method} {request.url.path}?{request.url.query.decode()}")
        if self.status != 200:
            return httpx.Response(self.status, headers={"Retry-After": "7"})
        if request.headers.get("x-plex-token") != "account":
            return httpx.Response(401)
        if request.method != "GET":
            return httpx.Response(200)
        start = int(request.url.params["X-Plex-Container-Start"])
        page = self.ids[start : start + int(request.url.params["X-Plex-Container-Size"])]
        items = [{"ratingKey": one, "type": "movie", "title": f"Film {one}"} for one in page]
        return httpx.Response(200, json={"MediaContainer": {"totalSize": len(self.ids), "Metadata": items}})


def asking(
    fake: FakeDiscover,
    work: Callable[[PlexDiscover], Awaitable[T]],
    *,
    form: CallForm = CallForm.ITEM,
    token: str = "account",  # noqa: S107 - the fake's
) -> T:
    """Do one thing with the list."""

    async def main() -> T:
        async with httpx.AsyncClient(transport=httpx.MockTransport(fake)) as client:
            return await work(
                PlexDiscover(client=client, identity=IDENTITY, token=SecretStr(token), form=form)
            )

    return asyncio.run(main())


def test_the_list_is_read_to_its_end() -> None:
    """However many pages it has, each item once."""
    fake = FakeDiscover(450)
    found = asking(fake, lambda discover: discover.watchlist())
    assert [item.id for item in found] == fake.ids
    assert len(fake.asked) == 3


@pytest.mark.parametrize(
    ("form", "added", "removed"),
    [
        (CallForm.ITEM, "PUT /library/metadata/5/watchlist?", "DELETE /library/metadata/5/watchlist?"),
        (
            CallForm.ACTION,
            "PUT /actions/addToWatchlist?ratingKey=5",
            "PUT /actions/removeFromWatchlist?ratingKey=5",
        ),
    ],
)
def test_the_list_is_changed_in_the_form_that_is_set(form: CallForm, added: str, removed: str) -> None:
    """Both are seen in the wild."""
    fake = FakeDiscover(0)
    asking(fake, lambda discover: discover.add("5"), form=form)
    asking(fake, lambda discover: discover.remove("5"), form=form)
    assert fake.asked == [added, removed]


def test_refusals_have_their_meaning() -> None:
    """Too often: later, with the time that was asked for. A wrong token: sign in."""
    fake = FakeDiscover(1)
    with pytest.raises(AuthRequired):
        asking(fake, lambda discover: discover.watchlist(), token="another")
    fake.status = 429
    with pytest.raises(TryLater) as told:
        asking(fake, lambda discover: discover.watchlist())
    assert told.value.retry_after == 7
