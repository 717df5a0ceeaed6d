"""Looks at sources: what is stored, what is told, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from pydantic import SecretStr

from tests.servers.fake_plex_tv import FakePlexTv, connection, resource
from tests.servers.serving import Faulty, black_hole, refused_url, served
from tests.servers.sources import jellyfin_with_library, plex_with_library
from tests.sources.house import PLEX_MACHINE, House
from vidra.connections import Candidate
from vidra.engine.sources.access import ACCOUNT_TOKEN, SourceRoom, scope_of, standing_of
from vidra.engine.sources.checks import Checked, check_sources
from vidra.engine.sources.sign_in import Wanted, store_folders
from vidra.state.source_interface import AuthState, SourceFolder, SourceKind


def test_a_first_look_chooses_signs_off_and_tells(house: House) -> None:
    """The best class that answers, whatever its order; the credentials are tried on the way."""
    with served(plex_with_library().app(), "127.0.0.2") as near, served(plex_with_library().app()) as far:
        house.add(SourceKind.PLEX, Candidate(uri=far.url), near.url)
        (checked,) = house.check()
        assert standing_of(checked.after).primary == near.url
    assert checked.after == house.state.sources.get("home")
    assert checked.after.auth_status is AuthState.AUTHENTICATED
    assert house.told() == ["source-added", "connection-changed"]
    assert house.state.sources.events("home")[-1].reason == "first_selection"


def test_a_dead_primary_is_replaced_within_one_round(house: House) -> None:
    """With the old and the new address in the event, and one person told that the quality fell."""
    far = Candidate(uri="")
    with served(plex_with_library().app(), "127.0.0.3") as remote:
        far = Candidate(uri=remote.url)
        with served(plex_with_library().app()) as local:
            house.add(SourceKind.PLEX, local.url, far)
            house.check()
        (checked,) = house.check()
    assert checked.standing.primary == far.uri
    (event,) = checked.events
    assert (event.old, event.new, event.reason) == (local.url, far.uri, "primary_failed")
    assert checked.fell


def test_losing_everything_is_told_once_and_getting_it_back_too(house: House) -> None:
    """D1.1: state is stored after failures as well, and nobody is handed a dead address (A6)."""
    fault = Faulty(plex_with_library().app())
    with served(fault) as server:
        house.add(SourceKind.PLEX, server.url)
        house.check()
        fault.status = 503
        (lost,) = house.check()
        house.check()
        assert lost.standing.primary is None
        assert house.state.sources.get("home").standing["failures"] == 2
        fault.status = None
        house.clock.advance(3600)
        house.check()
    assert house.told()[2:] == ["connection-lost", "connection-restored"]


def test_only_those_that_are_due_are_asked(house: House) -> None:
    """The cadence after a success, the back-off after failures (60, 120 … 600 s)."""
    dead = refused_url()
    fake = Faulty(plex_with_library().app())
    with served(fake) as server:
        house.add(SourceKind.PLEX, server.url)
        house.add(SourceKind.PLEX, dead, source_id="dead")
        house.check(only_due=True)
        asked = len(fake.requests)
        house.clock.advance(15)
        assert house.check(only_due=True) == []
        house.clock.advance(14)
        assert [one.after.source_id for one in house.check(only_due=True)] == ["home"]
        assert len(fake.requests) == asked + 1
        house.clock.advance(31)
        assert [one.after.source_id for one in house.check(only_due=True)] == ["home", "dead"]


def test_a_wrong_token_asks_for_a_sign_in_and_keeps_the_token(house: House) -> None:
    """Told once; a network error afterwards is no evidence of anything (A1)."""
    fault = Faulty(plex_with_library().app())
    with served(fault) as server:
        house.add(SourceKind.PLEX, server.url, token="not-the-token")
        (first,) = house.check()
        house.check()
        fault.hangs = True
        house.check()
        fault.hangs = False
    assert not first.fell
    assert house.told().count("auth-changed") == 1
    assert house.state.sources.get("home").auth_status is AuthState.AUTH_REQUIRED
    assert house.credentials.load(scope_of("home"), "token") is not None


def test_a_network_error_makes_a_good_sign_in_unknown_not_void(house: House) -> None:
    """Three values: nothing is deleted, nobody is told to sign in."""
    fault = Faulty(plex_with_library().app())
    fault.only = "/"
    with served(fault) as server:
        house.add(SourceKind.PLEX, server.url)
        house.check()
        house.clock.advance(400)
        fault.status = 503
        (checked,) = house.check()
    assert checked.after.auth_status is AuthState.UNKNOWN
    assert "auth-changed" not in house.told()


def test_a_declared_server_is_known_by_who_answers_first(house: House) -> None:
    """From then on nobody else passes, on whatever address."""
    fake = jellyfin_with_library()
    with served(fake) as server:
        house.add(SourceKind.JELLYFIN, server.url)
        (checked,) = house.check()
        assert checked.after.machine_id == fake.machine_id
        assert checked.after.user_name
        fake.machine_id = "f" * 32
        house.clock.advance(60)
        (other,) = house.check()
    assert other.standing.primary is None
    assert "another Jellyfin server" in (other.standing.results[0].detail or "")


def test_a_lost_plex_server_is_looked_up_at_plex_tv(house: House) -> None:
    """It moved: same machine, new address. Another machine of the account is never taken."""
    account = FakePlexTv()
    with served(account.app(), "127.0.0.4") as plex_tv, served(plex_with_library().app()) as moved:
        account.resources = [
            resource("other", owned=True, connections=[connection("http://127.0.0.1:1", "127.0.0.1")]),
            resource(PLEX_MACHINE, connections=[connection(moved.url, "127.0.0.1", local=True)]),
        ]
        house.configuration["connections"] = {"plex_tv": plex_tv.url}
        house.add(SourceKind.PLEX, refused_url())
        house.credentials.save(scope_of("home"), ACCOUNT_TOKEN, SecretStr("account-token"))
        (checked,) = house.check()
    assert checked.standing.primary == moved.url


def test_local_addresses_work_without_plex_tv(house: House) -> None:
    """D1.6: the account service is not even asked while the server answers."""
    with served(plex_with_library().app()) as server:
        house.configuration["connections"] = {"plex_tv": refused_url()}
        house.add(SourceKind.PLEX, server.url)
        house.credentials.save(scope_of("home"), ACCOUNT_TOKEN, SecretStr("account-token"))
        (checked,) = house.check()
    assert checked.after.auth_status is AuthState.AUTHENTICATED


def test_an_address_that_was_taken_away_meanwhile_stays_away(house: House) -> None:
    """Results are judged against what is stored when they arrive, not when they were asked for."""
    with served(plex_with_library().app()) as server, black_hole() as silent:
        house.add(SourceKind.PLEX, server.url, silent)

        async def work(room: SourceRoom) -> None:
            look = asyncio.create_task(check_sources(room))
            await asyncio.sleep(0.3)
            kept = standing_of(house.state.sources.get("home")).with_candidates(
                [Candidate(uri=server.url, local=True)]
            )
            house.state.sources.update("home", standing=kept.model_dump(mode="json"))
            await look

        house.do(work)
    standing = standing_of(house.state.sources.get("home"))
    assert [one.uri for one in standing.candidates] == [server.url]
    assert standing.primary == server.url


def test_a_source_that_was_removed_meanwhile_stays_removed(house: House) -> None:
    """And does not fail the round of the others."""
    with served(plex_with_library().app()) as server:
        house.add(SourceKind.PLEX, server.url)

        async def work(room: SourceRoom) -> Sequence[Checked]:
            look = asyncio.create_task(check_sources(room))
            await asyncio.sleep(0)
            house.state.sources.remove("home")
            return await look

        assert house.do(work) == []


def test_a_folder_that_vanished_is_unknown_not_an_error(house: House, tmp_path: Path) -> None:
    """A local source has nobody to sign in to."""
    folders = [SourceFolder(path=str(tmp_path / "films"))]
    (tmp_path / "films").mkdir()
    house.do(lambda room: store_folders(room, folders, Wanted(source_id="films")))
    assert house.check()[0].after.auth_status is AuthState.AUTHENTICATED
    (tmp_path / "films").rmdir()
    (gone,) = house.check()
    assert gone.after.auth_status is AuthState.UNKNOWN
    assert "no such folder" in (gone.problem or "")
