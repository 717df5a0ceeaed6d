"""A look at sources: who answers where, whether the credentials work, and what that changes.

All addresses of all sources are asked side by side; the results are judged against what is stored at
that moment, in one transaction. A Plex source that nobody answers for is looked up at plex.tv anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from vidra.connections import Candidate, Decision, ProbeResult, Standing, pin, probe_all, unpin
from vidra.connections.probing import probe_once
from vidra.engine.sources.access import ACCOUNT_TOKEN, SourceRoom, scope_of, standing_of
from vidra.engine.sources.declarations import manual_candidate
from vidra.engine.sources.events import auth_events, connection_events
from vidra.errors import CredentialError, RemoteError, UsageError, VidraError
from vidra.servers.factory import SourceAccess, prober
from vidra.servers.interface import AuthStatus, Initialised, ServerInfo, ServerOffer, SourceType
from vidra.servers.jellyfin_login import jellyfin_info
from vidra.servers.plex import plex_info
from vidra.servers.plex_account import offer_of
from vidra.servers.wire import FixedRoute
from vidra.state.source_interface import Amended, AuthState, Source, SourceEvent, SourceKind

AUTH_EVERY: Final = timedelta(minutes=5)
"""How old evidence that the credentials work may be."""
EARLY: Final = timedelta(seconds=10)
"""A look that comes this much before its time counts as due: the tick and the cadence are both 30 s."""
_DISCOVERY_LIMIT: Final = 5.0
"""Seconds plex.tv may take, as little waits for it as for a probe."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What a look at one source found; nothing of it is stored yet."""

    source: Source
    results: tuple[ProbeResult, ...] = ()
    info: ServerInfo | None = None
    """Who answers, for a source whose machine was not known."""
    initialised: Initialised | None = None
    """Whether the credentials work; None if that was not asked."""
    problem: str | None = None
    """Why the look was not complete, in words."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """A source before and after a look, and what is told about it."""

    before: Source
    after: Source
    events: tuple[SourceEvent, ...] = ()
    problem: str | None = None
    user: str | None = None

    @property
    def standing(self) -> Standing:
        """What is known of the addresses now."""
        return standing_of(self.after)

    @property
    def fell(self) -> bool:
        """Whether the connection in use is of a worse class than the last one was."""
        old, new = standing_of(self.before), self.standing
        was, now = old.class_of(old.last_primary), new.quality
        return was is not None and now is not None and now.rank > was.rank


async def check_sources(
    room: SourceRoom,
    source_ids: Iterable[str] | None = None,
    *,
    only_due: bool = False,
    store: bool = True,
) -> Sequence[Checked]:
    """Look at the sources (None: all) and store what was found, after success and failure alike.

    `only_due` leaves out those whose cadence or back-off says later; `store=False` only looks.
    """
    sources = await asyncio.to_thread(room.store.list)
    wanted = None if source_ids is None else set(source_ids)
    chosen = [one for one in sources if wanted is None or one.source_id in wanted]
    if only_due:
        chosen = [one for one in chosen if due(one, room)]
    slots = asyncio.Semaphore(room.settings.connections.parallel_probes)
    found = await asyncio.gather(*(_look(room, source, slots) for source in chosen))
    return await asyncio.to_thread(_judge, room, found, store=store)


def due(source: Source, room: SourceRoom) -> bool:
    """Whether the source should be looked at by now."""
    return standing_of(source).due(room.clock.now() + EARLY)


async def _look(room: SourceRoom, source: Source, slots: asyncio.Semaphore) -> Found:
    """Look at one source; its failure stays its own."""
    try:
        if source.type is SourceKind.LOCAL:
            return await _look_at_folders(room, source)
        known = await _identified(room, source)
        if known.source.machine_id is None:
            return known
        return await _look_at_server(room, known, slots)
    except VidraError as error:
        return Found(source=source, problem=str(error))


async def _look_at_folders(room: SourceRoom, source: Source) -> Found:
    server = room.open(await room.access(source), FixedRoute(""))
    return Found(source=source, initialised=await server.initialise())


async def _identified(room: SourceRoom, source: Source) -> Found:
    """Return the source with the machine that answers first, if it was not known: trust at first use."""
    if source.machine_id is not None:
        return Found(source=source)
    ask = plex_info if source.type is SourceKind.PLEX else jellyfin_info
    problem = "it has no address"
    for candidate in standing_of(source).candidates:
        try:
            info = await ask(room.client, candidate.uri, limit=room.limits.probe)
        except RemoteError as error:
            problem = str(error)
            continue
        known = source.model_copy(update={"machine_id": info.machine_id, "server_version": info.version})
        return Found(source=known, info=info)
    return Found(source=source, problem=problem)


async def _look_at_server(room: SourceRoom, known: Found, slots: asyncio.Semaphore) -> Found:
    source = known.source
    standing = standing_of(source)
    probe = prober(_signed_out(source), client=room.client)
    look = asyncio.create_task(probe_all(standing.candidates, probe, limits=room.limits, slots=slots))
    try:
        at_known = standing.primary if _auth_due(source, room) else None
        asked = await _credentials(room, source, at_known) if at_known else None
        results = await look
    finally:
        look.cancel()
    if not any(result.available for result in results):
        results = await _rediscovered(room, source, results)
    elif asked is None and _auth_due(source, room):
        first = next(result for result in results if result.available)
        asked = await _credentials(room, source, first.candidate.uri)
    return replace(known, results=results, initialised=asked)


async def _credentials(room: SourceRoom, source: Source, uri: str) -> Initialised | None:
    """Return whether the credentials work at that address; None if they cannot be read."""
    try:
        access = await room.access(source)
    except CredentialError as error:
        return Initialised(status=AuthStatus.UNKNOWN, detail=str(error))
    if access.token is None:
        return Initialised(status=AuthStatus.AUTH_REQUIRED, detail="nobody has signed in")
    if access.type is SourceType.JELLYFIN and access.user_id is None:
        access = replace(access, user_id="Me")  # who that is comes with the answer
    try:
        async with asyncio.timeout(room.limits.probe):
            return await room.open(access, FixedRoute(uri)).initialise()
    except TimeoutError:
        return Initialised(status=AuthStatus.UNKNOWN, detail="no answer in time")


async def _rediscovered(
    room: SourceRoom, source: Source, results: tuple[ProbeResult, ...]
) -> tuple[ProbeResult, ...]:
    """Return results of addresses that plex.tv knows and we do not; the old ones if it knows no more."""
    if source.type is not SourceKind.PLEX:
        return results
    offer = await discover(room, source)
    known = {result.candidate.uri for result in results}
    fresh = [one for one in candidates_of(offer) if one.uri not in known] if offer else []
    if not fresh:
        return results
    probe = prober(_signed_out(source), client=room.client)
    return results + await probe_all(fresh, probe, limits=room.limits)


async def pin_address(room: SourceRoom, source: Source, uri: str | None) -> Source:
    """Make this address the primary whenever it answers; None leaves the choice to us again.

    Raises `UsageError` if it does not answer now, or somebody else does.
    """
    if uri is None:
        return await _pinned(room, source, lambda one: Decision(standing=unpin(one)))
    candidate = manual_candidate(uri)
    known = next((c for c in standing_of(source).candidates if c.uri == candidate.uri), candidate)
    if source.machine_id is None:
        raise UsageError(f"source `{source.source_id}` has no addresses to choose from")
    result = await probe_once(known, prober(_signed_out(source), client=room.client), room.limits.probe)
    return await _pinned(room, source, lambda one: pin(one, result, now=room.clock.now()))


async def _pinned(room: SourceRoom, source: Source, chosen: Callable[[Standing], Decision]) -> Source:
    def amendment(known: Source) -> Amended:
        decision = chosen(standing_of(known))
        standing = decision.standing.model_dump(mode="json")
        return Amended(
            source=known.model_copy(update={"standing": standing}),
            events=connection_events(known.source_id, decision, room.clock.now()),
        )

    found = await asyncio.to_thread(room.store.amend, [source.source_id], amendment)
    return found[source.source_id]


async def discover(room: SourceRoom, source: Source) -> ServerOffer | None:
    """Return what plex.tv says of exactly this machine now; None if it cannot be asked or knows it not."""
    try:
        token = await asyncio.to_thread(room.credentials.load, scope_of(source.source_id), ACCOUNT_TOKEN)
        if token is None or source.machine_id is None:
            return None
        async with asyncio.timeout(_DISCOVERY_LIMIT):
            return offer_of(source.machine_id, await room.plex_account().servers(token))
    except (RemoteError, CredentialError, TimeoutError):
        return None  # no news from plex.tv changes nothing: local addresses work without it


def candidates_of(offer: ServerOffer) -> tuple[Candidate, ...]:
    """Return the addresses of an offer, in its order."""
    return tuple(Candidate(uri=one.uri, local=one.local, relay=one.relay) for one in offer.addresses)


def _judge(room: SourceRoom, found: Sequence[Found], *, store: bool) -> Sequence[Checked]:
    by_id = {one.source.source_id: one for one in found}
    before: dict[str, Source] = {}
    told: dict[str, tuple[SourceEvent, ...]] = {}

    def amendment(source: Source) -> Amended:
        before[source.source_id] = source
        amended = _judged(room, source, by_id[source.source_id])
        told[source.source_id] = tuple(amended.events)
        return amended

    if store:
        after: Mapping[str, Source] = room.store.amend(by_id, amendment, durable=False)
    else:
        after = {key: amendment(one.source).source for key, one in by_id.items()}
    return [
        Checked(
            before=before[key],
            after=source,
            events=told[key],
            problem=by_id[key].problem or _detail(by_id[key]),
            user=_user(by_id[key]),
        )
        for key, source in after.items()
    ]


def _judged(room: SourceRoom, source: Source, found: Found) -> Amended:
    """Return the source as it is stored now with what was found; what changed meanwhile is respected."""
    events: list[SourceEvent] = []
    if source.machine_id is None and found.info is not None:
        update = {"machine_id": found.info.machine_id, "server_version": found.info.version}
        source = source.model_copy(update=update)
    results = _still_wanted(source, found)
    if results or (found.problem and source.type is not SourceKind.LOCAL):
        amended = room.judged(_with_new(source, results), results)
        source, events = amended.source, [*amended.events]
    if found.initialised is not None:
        user = found.initialised.user
        if user is not None and source.type is SourceKind.JELLYFIN:
            source = source.model_copy(update={"user_id": user.id, "user_name": user.name})
        amended = auth_events(source, AuthState(found.initialised.status.value), room.clock.now())
        source, events = amended.source, [*events, *amended.events]
    return Amended(source=source, events=events)


def _still_wanted(source: Source, found: Found) -> tuple[ProbeResult, ...]:
    """Return the results without addresses that were taken away while they were asked."""
    asked = {candidate.uri for candidate in standing_of(found.source).candidates}
    now = {candidate.uri for candidate in standing_of(source).candidates}
    return tuple(r for r in found.results if r.candidate.uri in now or r.candidate.uri not in asked)


def _with_new(source: Source, results: Sequence[ProbeResult]) -> Source:
    standing = standing_of(source)
    known = {candidate.uri for candidate in standing.candidates}
    fresh = tuple(result.candidate for result in results if result.candidate.uri not in known)
    if not fresh:
        return source
    grown = standing.model_copy(update={"candidates": (*standing.candidates, *fresh)})
    return source.model_copy(update={"standing": grown.model_dump(mode="json")})


def _signed_out(source: Source) -> SourceAccess:
    return SourceAccess(
        source_id=source.source_id, type=SourceType(source.type.value), machine_id=source.machine_id
    )


def _auth_due(source: Source, room: SourceRoom) -> bool:
    if source.auth_status is not AuthState.AUTHENTICATED or source.last_auth_check is None:
        return True
    return room.clock.now() - datetime.fromisoformat(source.last_auth_check) >= AUTH_EVERY


def _detail(found: Found) -> str | None:
    asked = found.initialised
    return asked.detail if asked is not None and asked.status is not AuthStatus.AUTHENTICATED else None


def _user(found: Found) -> str | None:
    asked = found.initialised
    return asked.user.name if asked is not None and asked.user is not None else None
