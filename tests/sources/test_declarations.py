"""What the configuration declares appears, changes and goes; what was added by hand stays."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.sources.house import House
from vidra.connections import Candidate
from vidra.engine.deployments.declared import declared_deployments
from vidra.engine.sources.access import standing_of
from vidra.engine.sources.declarations import Followed, follow_declarations
from vidra.servers.networks import is_local_host
from vidra.settings import Settings
from vidra.state.source_interface import SourceKind


def follow(house: House, **sources: dict[str, Any]) -> Followed:
    """Let the store follow these declarations."""
    house.configuration["sources"] = sources
    return follow_declarations(house.settings.sources, house.state.sources, clock=house.clock)


def test_a_declaration_appears_changes_and_goes(house: House) -> None:
    """And doing it again changes nothing."""
    attic = {"type": "jellyfin", "url": "http://attic.lan:8096/", "path_mappings": {"/srv": "/media"}}
    assert follow(house, attic=attic) == Followed(added=("attic",))
    assert not follow(house, attic=attic)
    source = house.state.sources.get("attic")
    assert source.declared
    assert [(one.ours, one.theirs) for one in source.path_mappings] == [("/srv", "/media")]
    assert standing_of(source).candidates == (
        Candidate(uri="http://attic.lan:8096", local=True, manual=True),
    )
    assert follow(house, attic={**attic, "name": "Attic"}).changed == ("attic",)
    assert follow(house).removed == ("attic",)
    assert not house.state.sources.list()


def test_a_new_address_is_looked_at_and_found_ones_stay(house: House) -> None:
    """What discovery found is not the configuration's to take away."""
    follow(house, home={"type": "plex", "url": "http://one.lan:32400"})
    known = standing_of(house.state.sources.get("home"))
    found = known.with_candidates([*known.candidates, Candidate(uri="https://found")])
    house.state.sources.update("home", standing=found.model_dump(mode="json"))
    follow(house, home={"type": "plex", "url": "http://two.lan:32400"})
    standing = standing_of(house.state.sources.get("home"))
    assert [one.uri for one in standing.candidates] == ["http://two.lan:32400", "https://found"]
    assert standing.next_check is None


def test_a_source_added_by_hand_survives_its_declaration(house: House) -> None:
    """It was there before, and stays with its sign-in when the declaration goes."""
    house.add(SourceKind.PLEX, "http://127.0.0.1:1")
    follow(house, home={"type": "plex", "url": "http://home.lan:32400", "name": "Home"})
    assert not house.state.sources.get("home").declared
    assert not follow(house).removed
    assert [one.source_id for one in house.state.sources.list()] == ["home"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "plex"},
        {"type": "local"},
        {"type": "local", "url": "http://x", "folders": [{"path": "/a"}]},
        {"type": "jellyfin", "url": "http://x", "folders": [{"path": "/a"}]},
        {"type": "jellyfin", "url": "http://anna:secret@x"},
        {"type": "emby", "url": "http://x"},
    ],
)
def test_a_declaration_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    """A server without address, folders without a folder, a password in an address."""
    with pytest.raises(ValidationError):
        Settings.model_validate({"sources": {"x": wrong}})


def test_connections_are_scored_by_themselves_only_where_there_are_sources(house: House) -> None:
    """An idle engine starts no run that has nothing to do; declared and added ones count alike."""

    def scheduled() -> bool:
        found = {one.name: one for one in declared_deployments(house.settings)}
        return bool(found["connection-scoring"].schedules)

    assert not scheduled()
    house.configuration["sources"] = {"a": {"type": "plex", "url": "http://x"}}
    assert scheduled()
    house.configuration["sources"] = {}
    house.add(SourceKind.PLEX, "http://127.0.0.1:1")
    assert scheduled()
    house.state.sources.remove("home")
    assert not scheduled()


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("192.168.1.5", True),
        ("10.0.0.1", True),
        ("172.16.0.1", True),
        ("172.32.0.1", False),
        ("8.8.8.8", False),
        ("127.0.0.1", True),
        ("[::1]", True),
        ("fe80::1", True),
        ("2001:4860:4860::8888", False),
        ("nas", True),
        ("attic.local", True),
        ("media.example.org", False),
        ("192-168-1-5.0123456789abcdef0123456789abcdef.plex.direct", True),
        ("8-8-8-8.0123456789abcdef0123456789abcdef.plex.direct", False),
    ],
)
def test_local_is_what_never_leaves_the_house(host: str, local: bool) -> None:
    """Of 172.0.0.0/8 only a sixteenth is private."""
    assert is_local_host(host) is local


@given(st.text(max_size=60))
def test_any_host_is_judged_without_an_error(host: str) -> None:
    """People type what they like."""
    assert is_local_host(host) in {True, False}
