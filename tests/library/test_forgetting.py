"""A source that goes takes its library with it, and what waited for its server; nobody else's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.library.syncing import START, Desk
from tests.servers.sources import plex_with_library
from tests.sources.house import House
from vidra.clock import SYSTEM_CLOCK, ManualClock
from vidra.engine.library.acting import mark, queued, record_changes
from vidra.engine.library.forgetting import follow_configured, forget_strays
from vidra.engine.library.reading import Library
from vidra.engine.library.shelves import open_queue, open_shelf, shelf_ids
from vidra.engine.sources.sign_in import remove_source
from vidra.state import open_state

PLEX = {"type": "plex", "url": "http://127.0.0.1:1"}


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Return a house with two declared sources, each with a library and a change that waits."""
    made = House(tmp_path, open_state(tmp_path), ManualClock(START))
    made.configuration["sources"] = {"home": PLEX, "home-2": PLEX}
    follow_configured(made.settings, made.state.sources, clock=made.clock)
    storage = made.settings.storage
    for source in ("home", "home-2"):
        with open_shelf(storage, source) as shelf:
            Desk(shelf, plex_with_library()).sync()
        with Library(storage) as library, open_queue(storage) as queue, open_shelf(storage, source) as shelf:
            film = library.find(f"{source}/1/movie/1")
            record_changes(queue, shelf, [mark(film, watched=True, clock=SYSTEM_CLOCK)])
    return made


def left(house: House) -> tuple[list[str], list[str]]:
    """Return the sources that have a library and those that have changes waiting."""
    with open_queue(house.settings.storage) as queue:
        waiting = [change.source for change in queued(queue)]
    files = {path.name.split(".")[0] for path in (house.folder / "library").iterdir()}
    assert files == set(shelf_ids(house.settings.storage))
    return sorted(files), waiting


def test_a_source_that_leaves_the_configuration_takes_its_library_along(house: House) -> None:
    """Its files and its changes are gone; those of the other, whose name begins alike, are not."""
    house.configuration["sources"] = {"home-2": PLEX}
    assert follow_configured(house.settings, house.state.sources, clock=house.clock).removed == ("home",)
    assert left(house) == (["home-2"], ["home-2"])


def test_a_source_that_is_removed_takes_its_library_along(house: House) -> None:
    """The one way for the command line and the routes; open libraries show it no more."""
    source = house.state.sources.get("home")
    with Library(house.settings.storage) as library:
        assert len(library.by_guid("tmdb://603")) == 2
        house.configuration["sources"] = {"home-2": PLEX}
        house.do(lambda room: remove_source(room, source))
        assert [shown.source for shown in library.by_guid("tmdb://603")] == ["home-2"]
    assert left(house) == (["home-2"], ["home-2"])


def test_a_library_without_source_is_swept_up_later(house: House) -> None:
    """As a kill between the two steps leaves it; changes stay, in case it is the sources that were lost."""
    assert forget_strays(house.settings, {"home"}) == ["home-2"]
    assert left(house) == (["home"], ["home", "home-2"])
    assert not forget_strays(house.settings, {"home"})
