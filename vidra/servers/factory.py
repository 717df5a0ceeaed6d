"""From what is stored about a source to a server object for one operation, and a prober of its addresses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import assert_never

import httpx
from pydantic import SecretStr

from vidra.clock import SYSTEM_CLOCK, Clock
from vidra.errors import AuthRequired, UsageError
from vidra.servers.interface import ClientIdentity, MediaServer, Route, SourceType
from vidra.servers.jellyfin import JellyfinServer
from vidra.servers.jellyfin_login import probe_jellyfin
from vidra.servers.local import LocalFolder, LocalServer, MemoryWatchBook, WatchBook
from vidra.servers.plex import PlexServer, probe_plex


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceAccess:
    """What an operation on a source needs: load it anew each time, credentials included."""

    source_id: str
    type: SourceType
    machine_id: str | None = None
    token: SecretStr | None = None
    user_id: str | None = None
    """Jellyfin's id of the signed-in user."""
    folders: tuple[LocalFolder, ...] = ()


def open_server(
    access: SourceAccess,
    *,
    client: httpx.AsyncClient,
    route: Route,
    identity: ClientIdentity,
    book: WatchBook | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> MediaServer:
    """Return a fresh server object; raise `AuthRequired` if the source is not signed in.

    `book` keeps the watch states of a local source; without one they last as long as the object.
    """
    match access.type:
        case SourceType.PLEX:
            return PlexServer(
                client=client,
                route=route,
                machine_id=_machine(access),
                token=_token(access),
                identity=identity,
                clock=clock,
            )
        case SourceType.JELLYFIN:
            return JellyfinServer(
                client=client,
                route=route,
                machine_id=_machine(access),
                token=_token(access),
                user_id=_user(access),
                identity=identity,
                clock=clock,
            )
        case SourceType.LOCAL:
            return LocalServer(folders=access.folders, book=book or MemoryWatchBook(), clock=clock)
        case _:
            assert_never(access.type)


def prober(access: SourceAccess, *, client: httpx.AsyncClient) -> Callable[[str, float], Awaitable[object]]:
    """Return the `vidra.connections.Prober` of a source; it needs no credentials, so it works signed out."""
    match access.type:
        case SourceType.PLEX:
            return partial(probe_plex, client=client, machine_id=_machine(access))
        case SourceType.JELLYFIN:
            return partial(probe_jellyfin, client=client, machine_id=_machine(access))
        case SourceType.LOCAL:
            raise UsageError(f"source `{access.source_id}` is local: it has no addresses to probe")
        case _:
            assert_never(access.type)


def _machine(access: SourceAccess) -> str:
    if access.machine_id is None:
        raise UsageError(
            f"source `{access.source_id}` has no machine id; add it again with `vidra source add`"
        )
    return access.machine_id


def _token(access: SourceAccess) -> SecretStr:
    if access.token is None:
        raise AuthRequired(f"source `{access.source_id}` is not signed in; `vidra source login` does that")
    return access.token


def _user(access: SourceAccess) -> str:
    if access.user_id is None:
        raise AuthRequired(f"source `{access.source_id}` names no user; `vidra source login` does that")
    return access.user_id
