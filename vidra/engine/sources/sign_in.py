"""Adding sources and signing in: what the command line and the routes share. Knows no Prefect.

A source is stored only after its sign-in worked; its secrets go to the credential store, never into
the record. Signing in again keeps the source's id, and with it its library.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from pydantic import SecretStr

from vidra.clock import iso
from vidra.connections import Candidate, Standing
from vidra.engine.library.forgetting import forget_library
from vidra.engine.sources.access import ACCOUNT_TOKEN, TOKEN, SourceRoom, scope_of, standing_of
from vidra.engine.sources.checks import candidates_of, check_sources
from vidra.engine.sources.declarations import manual_candidate
from vidra.engine.sources.events import auth_events
from vidra.errors import AuthRequired, TryLater, UsageError
from vidra.redaction import redact_url
from vidra.servers.interface import ServerOffer, SignedIn, User
from vidra.servers.jellyfin_login import JellyfinLogin, QuickConnect, jellyfin_info
from vidra.servers.plex import plex_info
from vidra.servers.plex_account import HomeUser, Pin, offer_of
from vidra.state.source_interface import Amended, AuthState, Source, SourceFolder, SourceKind, SourcePath
from vidra.state.sources import checked_source_id

_NOT_IN_IDS: Final = re.compile(r"[^a-z0-9]+")


class Dialogue(Protocol):
    """What a sign-in shows to a person while it waits."""

    def show_pin(self, pin: Pin) -> None:
        """Show the link code, where to enter it, and until when."""
        ...

    def show_quick_connect(self, pending: QuickConnect) -> None:
        """Show the code to enter on a device that is signed in."""
        ...

    def profile_pin(self, profile: HomeUser) -> SecretStr:
        """Ask for the PIN of a protected profile of a Plex Home."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What a new source should be called, and how its server sees our folders."""

    source_id: str | None = None
    name: str | None = None
    path_mappings: Mapping[str, str] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PlexChoice:
    """How to sign in to Plex: by account (PIN, or a token that is there), or to one server by URL."""

    token: SecretStr | None = None
    """Of the account; with `url` of the server. None: by PIN."""
    url: str | None = None
    server: str | None = None
    """Name or machine id; None: the best one, owned before home before shared."""
    profile: str | None = None
    """Name of a profile of the Plex Home."""
    strong: bool = False
    """Only offer the page to open, with a code that is too long to type."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JellyfinChoice:
    """How to sign in to Jellyfin: by password, else by Quick Connect."""

    user: str | None = None
    password: SecretStr | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """A server somebody has just signed in to."""

    kind: SourceKind
    name: str
    machine_id: str
    user: User
    token: SecretStr
    candidates: Sequence[Candidate]
    owned: bool | None = None
    version: str | None = None
    account_token: SecretStr | None = None


async def sign_in_to_plex(
    room: SourceRoom, choice: PlexChoice, dialogue: Dialogue, *, machine_id: str | None = None
) -> Server:
    """Sign in and choose the server; with `machine_id` only that one. Cancel the call to give up.

    Raises `AuthRequired`, `Missing`, `TryLater`, and `UsageError` for a server or profile nobody has.
    """
    if choice.url is not None:
        return await _plex_by_url(room, choice.url, choice.token, machine_id)
    account = room.plex_account()
    token = choice.token
    if token is None:
        pin = await account.create_pin(strong=choice.strong)
        dialogue.show_pin(pin)
        token = await account.wait_for_pin(pin)
    if choice.profile is not None:
        token = await _as_profile(room, token, choice.profile, dialogue)
    user = await account.user(token)
    offer = _chosen(await account.servers(token), choice.server, machine_id)
    return Server(
        kind=SourceKind.PLEX,
        name=offer.name,
        machine_id=offer.machine_id,
        user=user,
        token=offer.token,
        account_token=token,
        candidates=candidates_of(offer),
        owned=offer.owned,
        version=offer.version,
    )


async def sign_in_to_jellyfin(
    room: SourceRoom, url: str, choice: JellyfinChoice, dialogue: Dialogue, *, machine_id: str | None = None
) -> Server:
    """Sign in at this address. Cancel the call to give up; raises as `sign_in_to_plex` does."""
    base = url.rstrip("/")
    info = await jellyfin_info(room.client, base, limit=room.limits.patient_probe)
    _check_machine(info.machine_id, machine_id, base)
    login = JellyfinLogin(client=room.client, base=base, identity=room.identity, clock=room.clock)
    signed_in = await _jellyfin_session(login, choice, dialogue, base)
    return Server(
        kind=SourceKind.JELLYFIN,
        name=info.name or "jellyfin",
        machine_id=info.machine_id,
        user=signed_in.user,
        token=signed_in.token,
        candidates=(manual_candidate(base),),
        version=info.version,
    )


async def store_server(room: SourceRoom, server: Server, wanted: Wanted) -> Source:
    """Store the sign-in as a source; the same account on the same machine is the source there is."""
    same = await asyncio.to_thread(_same, room, server)
    if same is not None and wanted.source_id in {None, same.source_id}:
        return await renew_server(room, same, server)
    source = await asyncio.to_thread(_new, room, server.kind, wanted, server.name)
    standing = Standing(candidates=tuple(server.candidates)).model_dump(mode="json")
    facts = {**_facts(server), "standing": standing, "auth_status": AuthState.AUTHENTICATED}
    source = source.model_copy(update=facts)
    await asyncio.to_thread(_save_secrets, room, source.source_id, server)
    return await asyncio.to_thread(room.store.add, source)


async def renew_server(room: SourceRoom, source: Source, server: Server) -> Source:
    """Store a new sign-in to a source that is there."""
    await asyncio.to_thread(_save_secrets, room, source.source_id, server)

    def amendment(known: Source) -> Amended:
        """Return the source as it is now known, and what that means for its sign-in."""
        standing = standing_of(known).with_candidates(server.candidates).model_dump(mode="json")
        renewed = known.model_copy(update={**_facts(server), "standing": standing})
        return auth_events(renewed, AuthState.AUTHENTICATED, room.clock.now())

    found = await asyncio.to_thread(room.store.amend, [source.source_id], amendment)
    return found[source.source_id]


async def store_folders(room: SourceRoom, folders: Sequence[SourceFolder], wanted: Wanted) -> Source:
    """Store folders of this machine as a source."""
    name = wanted.name or "local"
    source = await asyncio.to_thread(_new, room, SourceKind.LOCAL, wanted, name)
    return await asyncio.to_thread(room.store.add, source.model_copy(update={"folders": tuple(folders)}))


async def sign_in_again(
    room: SourceRoom, source: Source, plex: PlexChoice, jellyfin: JellyfinChoice, dialogue: Dialogue
) -> Source:
    """Sign in to the same machine once more; the source keeps its id. Raises as the first sign-in does."""
    if source.type is SourceKind.LOCAL:
        raise UsageError(f"source `{source.source_id}` is local: there is nobody to sign in to")
    if source.machine_id is None:
        source = (await check_sources(room, [source.source_id]))[0].after
    if source.machine_id is None:
        raise TryLater(f"source `{source.source_id}` does not answer, so nobody knows which server it is")
    if source.type is SourceKind.PLEX:
        server = await sign_in_to_plex(room, plex, dialogue, machine_id=source.machine_id)
    else:
        server = await _jellyfin_again(room, source, jellyfin, dialogue)
    return await renew_server(room, source, server)


async def remove_source(room: SourceRoom, source: Source) -> int:
    """Forget the source, its library and its secrets; return how many secrets there were.

    Raises `UsageError` for one that the configuration declares: it would come back.
    """
    if source.source_id in room.settings.sources:
        raise UsageError(
            f"source `{source.source_id}` is declared in the configuration: take it out of `sources:` there"
        )
    await asyncio.to_thread(room.store.remove, source.source_id)
    await asyncio.to_thread(forget_library, room.settings, source.source_id)
    return await asyncio.to_thread(room.credentials.delete_scope, scope_of(source.source_id))


async def _plex_by_url(room: SourceRoom, url: str, token: SecretStr | None, machine_id: str | None) -> Server:
    base = url.rstrip("/")
    if token is None:
        raise AuthRequired(f"{redact_url(base)}: a token is needed to sign in by address")
    info = await plex_info(room.client, base, limit=room.limits.patient_probe)
    _check_machine(info.machine_id, machine_id, base)
    return Server(
        kind=SourceKind.PLEX,
        name=info.name or "plex",
        machine_id=info.machine_id,
        user=User(id="", name=""),
        token=token,
        candidates=(manual_candidate(base),),
        version=info.version,
    )


async def _as_profile(room: SourceRoom, token: SecretStr, name: str, dialogue: Dialogue) -> SecretStr:
    account = room.plex_account()
    profiles = await account.home_users(token)
    found = next((one for one in profiles if name in {one.name, one.id}), None)
    if found is None:
        listed = ", ".join(f"`{one.name}`" for one in profiles) or "none: the account is in no Plex Home"
        raise UsageError(f"no profile `{name}`; there are {listed}")
    pin = dialogue.profile_pin(found) if found.protected else None
    return await account.switch_user(token, found.id, pin=pin)


def _chosen(offers: Sequence[ServerOffer], wanted: str | None, machine_id: str | None) -> ServerOffer:
    if machine_id is not None:
        return offer_of(machine_id, offers)
    if wanted is None and offers:
        return offers[0]
    found = [one for one in offers if wanted in {one.name, one.machine_id}]
    if len(found) == 1:
        return found[0]
    listed = ", ".join(f"`{one.name}` ({one.machine_id})" for one in offers) or "none"
    problem = "more than one server" if found else "no server"
    raise UsageError(f"{problem} `{wanted or ''}` in this account; there are {listed}")


async def _jellyfin_session(
    login: JellyfinLogin, choice: JellyfinChoice, dialogue: Dialogue, base: str
) -> SignedIn:
    if choice.user is not None:
        return await login.with_password(choice.user, choice.password or SecretStr(""))
    if not await login.quick_connect_enabled():
        raise UsageError(f"{redact_url(base)}: Quick Connect is off there; sign in with `--user NAME`")
    pending = await login.start_quick_connect()
    dialogue.show_quick_connect(pending)
    return await login.finish_quick_connect(pending)


async def _jellyfin_again(
    room: SourceRoom, source: Source, choice: JellyfinChoice, dialogue: Dialogue
) -> Server:
    """Try the addresses, the best known first, until one answers."""
    standing = standing_of(source)
    uris = [one.uri for one in standing.candidates]
    known = [uri for uri in (standing.primary, standing.last_primary) if uri in uris and uri is not None]
    problem = TryLater(f"source `{source.source_id}` has no address")
    for uri in dict.fromkeys([*known, *uris]):
        try:
            server = await sign_in_to_jellyfin(room, uri, choice, dialogue, machine_id=source.machine_id)
        except TryLater as error:
            problem = error
            continue
        return replace(server, candidates=standing.candidates)
    raise problem


def _check_machine(found: str, expected: str | None, base: str) -> None:
    if expected is not None and found != expected:
        raise UsageError(f"{redact_url(base)}: another server ({found}) answers there, not {expected}")


def _facts(server: Server) -> dict[str, object]:
    """Return what the sign-in told; what it did not tell stays as it was."""
    told = {
        "machine_id": server.machine_id,
        "user_id": server.user.id or None,
        "user_name": server.user.name or None,
        "owned": server.owned,
        "server_version": server.version,
    }
    return {name: value for name, value in told.items() if value is not None}


def _new(room: SourceRoom, kind: SourceKind, wanted: Wanted, name: str) -> Source:
    """Return the record of a new source; raise `UsageError` for an id that is taken or cannot be one."""
    now = iso(room.clock.now())
    source_id = checked_source_id(wanted.source_id or _free_id(room, kind, name))
    if any(source.source_id == source_id for source in room.store.list()):
        raise UsageError(f"there is a source `{source_id}` already; `vidra source login` signs in again")
    return Source(
        source_id=source_id,
        name=wanted.name or name,
        type=kind,
        path_mappings=tuple(
            SourcePath(ours=ours, theirs=theirs) for ours, theirs in (wanted.path_mappings or {}).items()
        ),
        created_at=now,
        updated_at=now,
    )


def _same(room: SourceRoom, server: Server) -> Source | None:
    """Return the source of this account on this machine, if there is one."""
    user = server.user.id or None
    return next(
        (s for s in room.store.list() if s.machine_id == server.machine_id and s.user_id == user), None
    )


def _free_id(room: SourceRoom, kind: SourceKind, name: str) -> str:
    """Return an id that says what it is: two servers of one account never share one."""
    slug = _NOT_IN_IDS.sub("-", name.lower()).strip("-")[:40]
    base = kind.value if slug in {"", kind.value} else f"{kind.value}-{slug}"
    taken = {source.source_id for source in room.store.list()} | set(room.settings.sources)
    number = 1
    while (found := base if number == 1 else f"{base}-{number}") in taken:
        number += 1
    return found


def _save_secrets(room: SourceRoom, source_id: str, server: Server) -> None:
    room.credentials.save(scope_of(source_id), TOKEN, server.token)
    if server.account_token is not None:
        room.credentials.save(scope_of(source_id), ACCOUNT_TOKEN, server.account_token)
