"""The way an operation goes: load record and credentials, build, use, drop."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.servers.fake_jellyfin import USER
from tests.servers.serving import served
from tests.servers.sources import IDENTITY, NOW, jellyfin_with_library, plex_with_library
from vidra.clock import ManualClock
from vidra.connections import Candidate, Keeper, Standing, decide, probe_all
from vidra.credentials import MemoryCredentials
from vidra.errors import AuthRequired, UsageError
from vidra.servers.factory import SourceAccess, open_server, prober
from vidra.servers.interface import MediaServer, Section, SourceType
from vidra.servers.local import LocalFolder
from vidra.servers.pool import open_pool

PLEX = SourceAccess(source_id="p", type=SourceType.PLEX, machine_id="machine-1")
JELLYFIN = SourceAccess(
    source_id="j",
    type=SourceType.JELLYFIN,
    machine_id=jellyfin_with_library().machine_id,
    user_id=USER,
)


async def _operation(access: SourceAccess, credentials: MemoryCredentials, uri: str) -> list[Section]:
    """List the sections of a source as a task does it."""
    fresh = SourceAccess(
        source_id=access.source_id,
        type=access.type,
        machine_id=access.machine_id,
        user_id=access.user_id,
        token=credentials.load(f"source:{access.source_id}", "token"),
    )
    async with open_pool() as client:
        keeper = Keeper(
            Standing(candidates=(Candidate(uri=uri),)), prober(fresh, client=client), clock=ManualClock(NOW)
        )
        server: MediaServer = open_server(fresh, client=client, route=keeper, identity=IDENTITY)
        return list(await server.sections())


@pytest.mark.parametrize("access", [PLEX, JELLYFIN], ids=["plex", "jellyfin"])
def test_each_operation_sees_the_credentials_of_now(access: SourceAccess) -> None:
    """D1 stateless factory: a rotated token works at the next operation, a missing one is told."""
    plex, jellyfin = plex_with_library(), jellyfin_with_library()
    plex.tokens = jellyfin.tokens = {"rotated-token"}
    credentials = MemoryCredentials()
    with served(plex.app() if access is PLEX else jellyfin) as running:
        with pytest.raises(AuthRequired, match="is not signed in"):
            asyncio.run(_operation(access, credentials, running.url))
        credentials.save(f"source:{access.source_id}", "token", SecretStr("stale-token"))
        with pytest.raises(AuthRequired, match="sign in again"):
            asyncio.run(_operation(access, credentials, running.url))
        credentials.save(f"source:{access.source_id}", "token", SecretStr("rotated-token"))
        sections = asyncio.run(_operation(access, credentials, running.url))

    assert [section.title for section in sections] == ["Films", "Series"]


def test_addresses_are_probed_without_being_signed_in() -> None:
    """The score of a source is true whether or not its token still works."""
    with served(plex_with_library().app()) as running:

        async def check() -> Standing:
            async with open_pool() as client:
                standing = Standing(candidates=(Candidate(uri=running.url, local=True),))
                results = await probe_all(standing.candidates, prober(PLEX, client=client))
                return decide(standing, results, now=NOW).standing

        assert asyncio.run(check()).primary == running.url


def test_a_local_source_has_folders_and_no_addresses(tmp_path: Path) -> None:
    """One library per folder, named after it."""
    local = SourceAccess(
        source_id="l", type=SourceType.LOCAL, folders=(LocalFolder(path=tmp_path, name="Films"),)
    )

    async def sections() -> list[str]:
        async with open_pool() as client:
            with pytest.raises(UsageError, match="no addresses to probe"):
                prober(local, client=client)
            keeper = Keeper(Standing(), _nobody, clock=ManualClock(NOW))
            server = open_server(local, client=client, route=keeper, identity=IDENTITY)
            return [section.title for section in await server.sections()]

    assert asyncio.run(sections()) == ["Films"]


async def _nobody(uri: str, limit: float) -> None:
    raise AssertionError((uri, limit))
