"""Watch state from source to source: who gives, who takes, and that nothing goes round."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.library.syncing import Desk
from tests.servers.fake_plex import FakePlex
from tests.servers.sources import plex_with_library
from vidra.engine.library.acting import queued
from vidra.engine.library.exchanging import exchange_watched
from vidra.engine.library.reading import Library
from vidra.engine.library.shelves import open_queue, open_shelf
from vidra.settings.library import LibrarySettings
from vidra.settings.storage import StorageSettings

SEEN = 1_760_000_000


@pytest.fixture
def storage(tmp_path: Path) -> StorageSettings:
    """Know two servers with the same film: `home` has seen it, `cabin` has seen another one."""
    storage = StorageSettings(data_dir=tmp_path)
    for name, seen in (("home", "1"), ("cabin", "3")):
        fake: FakePlex = plex_with_library()
        fake.items["2"].pop("viewCount")
        fake.items["3"] = fake.items["3"] | {"Guid": [{"id": "tmdb://68"}], "viewOffset": 0}
        fake.items[seen] |= {"viewCount": 1, "lastViewedAt": SEEN}
        with open_shelf(storage, name) as shelf:
            Desk(shelf, fake).sync()
    return storage


def told(storage: StorageSettings, home: str, cabin: str) -> set[str]:
    """Exchange with these wishes; return the changes that are queued."""
    wishes = {"home": {"sync_watched": home}, "cabin": {"sync_watched": cabin}}
    settings = LibrarySettings.model_validate({"sources": wishes})
    with Library(storage) as library, open_queue(storage) as queue:
        for source in ("home", "cabin"):
            exchange_watched(library, queue, source, settings)
        return {change.key for change in queued(queue)}


@pytest.mark.parametrize(
    ("home", "cabin", "changes"),
    [
        ("both", "both", {"cabin|1/movie/1", "home|1/movie/3"}),
        ("from", "to", {"cabin|1/movie/1"}),
        ("to", "from", {"home|1/movie/3"}),
        ("from", "from", set()),
        ("to", "to", set()),
        ("both", "off", set()),
        ("off", "both", set()),
        ("both", "to", {"cabin|1/movie/1"}),
    ],
)
def test_watch_state_goes_where_both_owners_want_it(
    storage: StorageSettings, home: str, cabin: str, changes: set[str]
) -> None:
    """`from` gives, `to` takes, `both` does both; works are matched by their external ids."""
    assert told(storage, home, cabin) == changes


def test_what_was_carried_over_is_not_carried_back(storage: StorageSettings) -> None:
    """A second exchange finds nothing owed, and the time of the viewing is the original one."""
    first = told(storage, "both", "both")
    assert told(storage, "both", "both") == first
    with open_queue(storage) as queue:
        (change,) = queued(queue, "cabin")
    assert (change.watched, change.watched_at) == (True, SEEN)
