"""The Plex watchlist, which belongs to an account and not to a server."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum, unique
from typing import Final

import httpx
from pydantic import SecretStr

from vidra.clock import SYSTEM_CLOCK, Clock
from vidra.servers import plex_items
from vidra.servers.fields import integer, objects
from vidra.servers.interface import ClientIdentity, Item
from vidra.servers.plex_identity import identity_headers
from vidra.servers.wire import as_object, exchange, header_secret, parsed

DISCOVER: Final = "https://discover.provider.plex.tv"
PAGE: Final = 200


@unique
class CallForm(StrEnum):
    """How the list is changed: neither form is part of a published description."""

    ITEM = "item"
    """PUT and DELETE on `/library/metadata/{id}/watchlist`."""
    ACTION = "action"
    """PUT on `/actions/addToWatchlist?ratingKey=` and `/actions/removeFromWatchlist?ratingKey=`."""


class PlexDiscover:
    """The watchlist of one account. Raises as media servers do: 429 is `TryLater` with its `Retry-After`."""

    def __init__(
        self,
        *,
        client: httpx.AsyncClient,
        identity: ClientIdentity,
        token: SecretStr,
        form: CallForm = CallForm.ITEM,
        base: str = DISCOVER,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._client, self._form, self._base, self._clock = client, form, base, clock
        self._headers = identity_headers(identity) | {"X-Plex-Token": header_secret(token)}

    async def watchlist(self) -> Sequence[Item]:
        """Return the whole list, page by page; ids are those of Plex's catalogue, not of a server."""
        found: list[Item] = []
        start = 0
        while True:
            query = {"includeAdvanced": 1, "includeMeta": 1, "includeGuids": 1}
            query |= {"X-Plex-Container-Start": start, "X-Plex-Container-Size": PAGE}
            url = f"{self._base}/library/sections/watchlist/all"
            response = await exchange(
                self._client, "GET", url, params=query, headers=self._headers, clock=self._clock
            )
            container = as_object(as_object(parsed(response), url).get("MediaContainer"), url)
            raw = list(objects(container, "Metadata"))
            found += [item for fields in raw if (item := plex_items.item(fields))]
            start += len(raw)
            if not raw or start >= (integer(container, "totalSize") or start):
                return found

    async def add(self, catalogue_id: str) -> None:
        """Put an item of Plex's catalogue on the list."""
        if self._form is CallForm.ITEM:
            await self._change("PUT", f"/library/metadata/{catalogue_id}/watchlist")
        else:
            await self._change("PUT", "/actions/addToWatchlist", catalogue_id)

    async def remove(self, catalogue_id: str) -> None:
        """Take it off the list."""
        if self._form is CallForm.ITEM:
            await self._change("DELETE", f"/library/metadata/{catalogue_id}/watchlist")
        else:
            await self._change("PUT", "/actions/removeFromWatchlist", catalogue_id)

    async def _change(self, method: str, path: str, rating_key: str | None = None) -> None:
        query = None if rating_key is None else {"ratingKey": rating_key}
        await exchange(
            self._client,
            method,
            self._base + path,
            params=query,
            headers=self._headers,
            clock=self._clock,
        )
