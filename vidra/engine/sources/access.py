"""Operations on sources: each opens the server anew, on its best address, and writes down what it learned.

This is the one way in for flows, commands and routes. A connection that breaks in the middle of an
operation is replaced by the next best one; what was found out about the addresses goes into the store.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import httpx

from vidra import __version__
from vidra.clock import SYSTEM_CLOCK, Clock
from vidra.connections import Cadence, Hysteresis, Keeper, Limits, ProbeResult, Standing, decide
from vidra.credentials import CredentialStore, installation_id
from vidra.engine.secret_store import configured_credentials
from vidra.engine.sources.events import auth_events, connection_events
from vidra.errors import AuthRequired
from vidra.servers.factory import SourceAccess, open_server, prober
from vidra.servers.interface import ClientIdentity, MediaServer, Route, SectionKind, SourceType
from vidra.servers.local import LocalFolder, WatchBook
from vidra.servers.paths import PathMapping
from vidra.servers.plex_account import PlexAccount
from vidra.servers.pool import open_pool
from vidra.servers.wire import FixedRoute
from vidra.settings import Settings
from vidra.state.source_interface import Amended, AuthState, Source, SourceKind, SourceStore

log = logging.getLogger(__name__)

TOKEN: Final = "token"  # noqa: S105 - the name of a secret, not one
ACCOUNT_TOKEN: Final = "account_token"  # noqa: S105 - the same


def scope_of(source_id: str) -> str:
    """Return the credential scope of a source."""
    return f"source:{source_id}"


def standing_of(source: Source) -> Standing:
    """Return what is known of the source's addresses."""
    return Standing.model_validate(dict(source.standing))


def mappings_of(source: Source) -> tuple[PathMapping, ...]:
    """Return how the server's paths differ from ours."""
    return tuple(PathMapping(ours=one.ours, theirs=one.theirs) for one in source.path_mappings)


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceRoom:
    """What operations on sources need of this process. Made by `open_sources`."""

    settings: Settings
    store: SourceStore
    credentials: CredentialStore
    client: httpx.AsyncClient
    identity: ClientIdentity
    clock: Clock = SYSTEM_CLOCK

    @property
    def limits(self) -> Limits:
        """The time limits of probes."""
        wanted = self.settings.connections
        return Limits(
            probe=wanted.probe_timeout,
            grace=wanted.grace,
            patient_probe=wanted.patient_timeout,
            budget=wanted.budget,
        )

    @property
    def cadence(self) -> Cadence:
        """How often each class is looked at."""
        wanted = self.settings.connections
        return Cadence(local=wanted.local_every, remote=wanted.remote_every, relay=wanted.relay_every)

    @property
    def hysteresis(self) -> Hysteresis:
        """How much better an address must be."""
        wanted = self.settings.connections
        return Hysteresis(faster_by_ms=wanted.faster_by * 1000, checks_in_a_row=wanted.checks_in_a_row)

    async def access(self, source: Source) -> SourceAccess:
        """Return what the servers room needs, secrets read anew. Raises `CredentialError`."""
        token = None
        if source.type is not SourceKind.LOCAL:
            token = await asyncio.to_thread(self.credentials.load, scope_of(source.source_id), TOKEN)
        return SourceAccess(
            source_id=source.source_id,
            type=SourceType(source.type.value),
            machine_id=source.machine_id,
            token=token,
            user_id=source.user_id,
            folders=tuple(_folder(one.path, one.name, one.kind) for one in source.folders),
        )

    @asynccontextmanager
    async def server(self, source_id: str, *, book: WatchBook | None = None) -> AsyncIterator[MediaServer]:
        """Yield the server, for one operation, on its best address; it moves to others by itself.

        Raises `SourceNotFound`, `CredentialError`, `AuthRequired` for a source nobody is signed in
        to, and at the first request `TryLater` ("offline until …") for one that is known to be away.
        An `AuthRequired` that leaves the block is written down as such.
        """
        source = await asyncio.to_thread(self.store.get, source_id)
        access = await self.access(source)
        keeper = None if source.type is SourceKind.LOCAL else self._keeper(source, access)
        try:
            yield self.open(access, keeper or FixedRoute(""), book=book)
        except AuthRequired as error:
            await self._record_auth(source_id, AuthState.AUTH_REQUIRED, str(error))
            raise
        finally:
            if keeper is not None and keeper.results:
                await self.record(source_id, keeper.results)

    def open(self, access: SourceAccess, route: Route, *, book: WatchBook | None = None) -> MediaServer:
        """Return a server object on this route. Raises `AuthRequired` if there is no token."""
        return open_server(
            access, client=self.client, route=route, identity=self.identity, book=book, clock=self.clock
        )

    async def record(self, source_id: str, results: Sequence[ProbeResult]) -> Source | None:
        """Take probe results into the source's standing; return the record, None if it is gone."""
        found = await asyncio.to_thread(
            partial(self.store.amend, [source_id], lambda source: self.judged(source, results), durable=False)
        )
        return found.get(source_id)

    def judged(self, source: Source, results: Sequence[ProbeResult]) -> Amended:
        """Return the source after these results, with what there is to tell."""
        now = self.clock.now()
        decision = decide(
            standing_of(source), results, now=now, cadence=self.cadence, hysteresis=self.hysteresis
        )
        standing = decision.standing.model_dump(mode="json")
        return Amended(
            source=source.model_copy(update={"standing": standing}),
            events=connection_events(source.source_id, decision, now),
        )

    def plex_account(self) -> PlexAccount:
        """Return the account service of Plex."""
        base = self.settings.connections.plex_tv
        return PlexAccount(client=self.client, identity=self.identity, clock=self.clock, base=base)

    def _keeper(self, source: Source, access: SourceAccess) -> Keeper:
        probe = prober(access, client=self.client)
        return Keeper(standing_of(source), probe, clock=self.clock, limits=self.limits)

    async def _record_auth(self, source_id: str, status: AuthState, detail: str) -> None:
        now = self.clock.now()
        log.warning("source %s: %s", source_id, detail)
        await asyncio.to_thread(self.store.amend, [source_id], lambda one: auth_events(one, status, now))


@asynccontextmanager
async def open_sources(
    settings: Settings,
    store: SourceStore,
    *,
    credentials: CredentialStore | None = None,
    client: httpx.AsyncClient | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> AsyncIterator[SourceRoom]:
    """Yield the room of this process; `credentials` and `client` (closed at the end) are for tests."""
    identifier = await asyncio.to_thread(installation_id, settings.storage.data_dir)
    async with client or open_pool() as pool:
        yield SourceRoom(
            settings=settings,
            store=store,
            credentials=credentials or configured_credentials(settings),
            client=pool,
            identity=ClientIdentity(identifier=identifier, version=__version__),
            clock=clock,
        )


def _folder(path: str, name: str | None, kind: str) -> LocalFolder:
    return LocalFolder(path=Path(path), name=name, kind=SectionKind(kind))
