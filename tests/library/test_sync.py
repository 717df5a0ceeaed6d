"""The sync against servers that change, lose things, and fail."""

from __future__ import annotations

import pytest

from tests.library.syncing import Desk
from tests.servers.fake_plex import FakePlex
from tests.servers.sources import jellyfin_with_library, plex_with_library
from vidra.library.records import ROWS, SECTIONS, SYNC
from vidra.library.status import SyncMode, SyncState
from vidra.state.keyed import MemoryKeyedStore


@pytest.fixture
def desk() -> Desk[FakePlex]:
    """Return a desk with a Plex server that has films and a show."""
    return Desk(MemoryKeyedStore(), plex_with_library())


def test_a_first_sync_knows_every_film_show_season_and_episode(desk: Desk[FakePlex]) -> None:
    """Sections, items and rows are there, with ids made of section, kind and server id."""
    status = desk.sync()
    assert status.state is SyncState.COMPLETE, status
    assert set(desk.items("movie")) == {"The Matrix", "Alien", "Brazil"}
    assert (len(desk.items("season")), len(desk.items("episode"))) == (2, 6)
    assert desk.items()["The Matrix"]["key"] == "1/movie/1"
    assert {s["title"] for s in desk.store.all(SECTIONS)} == {"Films", "Series", "Playlists"}
    assert any(row["kind"] == "continue_watching" for row in desk.store.all(ROWS))
    assert status.difference == {"added": 12}
    assert sum(status.totals.values()) == sum(status.done.values()) == 12


def test_a_first_sync_of_jellyfin_knows_the_same() -> None:
    """The other server's library, by the same code."""
    desk = Desk(MemoryKeyedStore(), jellyfin_with_library())
    assert desk.sync().state is SyncState.COMPLETE
    assert set(desk.items("movie")) == {"The Matrix", "Alien"}
    assert len(desk.items("episode")) == 3
    assert desk.items()["Alien"]["position_ms"] == 61_500


def test_a_second_sync_of_an_unchanged_library_writes_nothing_but_its_status(desk: Desk[FakePlex]) -> None:
    """Few requests, no changes."""
    desk.sync()
    before = {table: desk.store.all(table) for table in ("items", ROWS)}
    status = desk.sync()
    assert status.difference == {}
    assert {table: desk.store.all(table) for table in before} == before
    assert len(desk.fake.exchanges) <= 20


def test_an_incremental_sync_takes_what_changed_and_what_was_watched(desk: Desk[FakePlex]) -> None:
    """Metadata by `updatedAt`, watching by `lastViewedAt`."""
    desk.sync()
    desk.fake.items["1"] |= {"title": "Matrix", "updatedAt": desk.now + 60}
    desk.fake.items["3"] |= {"viewCount": 1, "lastViewedAt": desk.now + 60}
    desk.fake.add("1", "movie", 9, "Dune", addedAt=desk.now + 60, updatedAt=desk.now + 60)
    status = desk.sync()
    assert status.difference == {"added": 1, "changed": 2}
    assert desk.items()["Brazil"]["watched"] is True
    assert {"Matrix", "Dune"} <= set(desk.items())


def test_a_server_that_cannot_tell_changes_is_listed_in_full(desk: Desk[FakePlex]) -> None:
    """The field check says no; nothing is missed."""
    desk.fake.knows_changes = False
    desk.sync()
    desk.fake.items["1"]["title"] = "Matrix"
    assert desk.sync().difference == {"changed": 1}


def test_a_vanished_film_is_a_tombstone_first_and_forgotten_later(
    desk: Desk[FakePlex],
) -> None:
    """Two further syncs have to miss it; until then it only does not show."""
    for number in range(20, 120):
        desk.fake.add("1", "movie", number, f"Film {number}")
    desk.sync()
    del desk.fake.items["50"]
    assert desk.sync().difference == {"buried": 1}
    assert "Film 50" not in desk.items()
    assert desk.store.get("items", "1/movie/50") is not None
    desk.sync(full=True)
    assert desk.sync(full=True).difference == {"removed": 1}
    assert desk.store.get("items", "1/movie/50") is None


def test_a_film_that_comes_back_has_its_watch_state(desk: Desk[FakePlex]) -> None:
    """A disk that was away for a day."""
    desk.sync()
    alien = desk.fake.items.pop("2")
    desk.sync()
    assert "Alien" not in desk.items()
    desk.fake.items["2"] = alien
    desk.sync(full=True)
    assert desk.items()["Alien"]["watched"] is True


def test_an_empty_answer_deletes_nothing_and_says_so(desk: Desk[FakePlex]) -> None:
    """An unmounted disk must not cost a library."""
    desk.sync()
    kept, desk.fake.items = desk.fake.items, {}
    status = desk.sync()
    assert set(desk.items("movie")) == {"The Matrix", "Alien", "Brazil"}
    assert any("--yes" in warning for warning in status.warnings)
    desk.fake.items = kept
    assert desk.sync().difference == {}


def test_a_person_can_accept_that_a_library_is_empty(desk: Desk[FakePlex]) -> None:
    """With --yes, what the server does not list is gone at once."""
    desk.sync()
    desk.fake.items = {}
    desk.sync(accept_deletions=True, full=True)
    assert desk.items() == {}


def test_a_section_that_fails_leaves_the_others_synced(desk: Desk[FakePlex]) -> None:
    """Status partial, error kept with the section, and the next sync tries it at once."""
    sections = dict(desk.fake.sections)
    desk.fake.sections["2"] = {**sections["2"], "key": "77"}  # listed, but answers 404
    status = desk.sync()
    assert status.state is SyncState.PARTIAL
    assert list(status.errors) == ["Series"]
    assert set(desk.items()) == {"The Matrix", "Alien", "Brazil"}
    desk.fake.sections = sections
    assert desk.sync().state is SyncState.COMPLETE
    assert len(desk.items("episode")) == 6
    assert "error" not in (desk.store.get(SECTIONS, "2") or {})


def test_a_sync_without_valid_token_fails_as_a_whole(desk: Desk[FakePlex]) -> None:
    """Nothing is stored but the reason."""
    desk.sync()
    desk.fake.tokens = {"another"}
    status = desk.sync()
    assert status.state is SyncState.FAILED
    assert "sign in" in " ".join(status.errors.values())
    assert len(desk.items("movie")) == 3
    assert status.complete_since is not None


def test_a_section_that_is_gone_is_marked_and_forgotten_later(desk: Desk[FakePlex]) -> None:
    """With everything in it."""
    desk.sync()
    gone = desk.fake.sections.pop("2")
    desk.sync()
    assert (desk.store.get(SECTIONS, "2") or {})["missed"] == 1
    desk.sync()
    desk.sync()
    assert desk.store.get(SECTIONS, "2") is None
    assert desk.items("episode") == {}
    assert gone["title"] == "Series"


def test_no_sections_at_all_is_taken_for_an_accident(desk: Desk[FakePlex]) -> None:
    """Whatever the number of syncs."""
    desk.sync()
    desk.fake.sections = {}
    status = [desk.sync() for _ in range(5)][-1]
    assert len(desk.items("movie")) == 3
    assert "no sections" in status.warnings[0]


def test_a_dry_run_tells_the_difference_and_stores_nothing(desk: Desk[FakePlex]) -> None:
    """Not even that it ran."""
    desk.sync()
    before = desk.store.revision()
    desk.fake.add("1", "movie", 9, "Dune", year=2021)
    status = desk.sync(dry_run=True, full=True)
    assert status.difference == {"added": 1}
    assert desk.last.sample.titles["added"] == ["Dune (2021)"]
    assert desk.store.revision() == before


def test_an_episode_keeps_its_watch_state_when_the_library_was_rebuilt(desk: Desk[FakePlex]) -> None:
    """Recognised by show, season and number; the queue follows to the new id."""
    desk.fake.items["1101"] |= {"viewCount": 1, "lastViewedAt": 1_750_000_000}
    desk.sync()
    moves: list[tuple[str, str]] = []
    for key in [k for k in desk.fake.items if k.startswith("1") and len(k) == 4]:
        del desk.fake.items[key]
    desk.fake.add_show("2", 5000, "Show", seasons=2, episodes=3)
    status = desk.sync(full=True, on_move=moves.extend)
    assert ("2/episode/1101", "2/episode/5101") in moves
    assert status.difference["moved"] == 8  # six episodes and two seasons
    assert desk.items()["Show 1x1"]["watched"] is True
    desk.sync(full=True)
    assert desk.items()["Show 1x1"]["watched"] is True, "the server still knows nothing of it"


def test_a_killed_sync_goes_on_where_it_was(desk: Desk[FakePlex]) -> None:
    """The listings that were through are not asked for again."""
    desk.sync()
    status = dict(desk.store.get(SYNC, "status") or {})
    listed = [name for name in status["listed"] if name != "2/episode"]
    desk.store.put([(SYNC, "status", status | {"state": "running", "mode": "full", "listed": listed})])
    desk.fake.add("2", "episode", 1999, "New one", index=9, parentIndex=2, grandparentTitle="Show")
    status_now = desk.sync(full=True)
    asked = [r.query_params.get("type") for r, *_ in desk.fake.exchanges if r.url.path.endswith("/all")]
    assert status_now.mode is SyncMode.FULL
    assert set(asked) == {"4"}
    assert "New one" in desk.items()


def test_a_playback_that_begins_does_not_count_as_unwatching() -> None:
    """Jellyfin before 12 clears Played when something is played again; the play count tells."""
    fake = jellyfin_with_library("10.10.7")
    desk = Desk(MemoryKeyedStore(), fake)
    alien = next(item for item in fake.items.values() if item["Name"] == "Alien")
    alien["UserData"] |= {"Played": True, "PlayCount": 1, "PlaybackPositionTicks": 0}
    desk.sync()
    alien["UserData"] |= {"Played": False, "PlayCount": 2, "PlaybackPositionTicks": 600_000_000}
    desk.sync(full=True)
    assert (desk.items()["Alien"]["watched"], desk.items()["Alien"]["position_ms"]) == (True, 60_000)
    alien["UserData"] |= {"Played": False, "PlayCount": 0, "PlaybackPositionTicks": 0}
    desk.sync(full=True)
    assert "watched" not in desk.items()["Alien"], "a person unmarked it"


def test_a_section_that_is_left_out_is_not_asked_for(desk: Desk[FakePlex]) -> None:
    """By title, as the owner writes it."""
    desk.sync(leave_out=["Series"])
    assert desk.items("episode") == {}
