"""What every keyed store promises: the journalled one and the one in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from vidra.clock import ManualClock
from vidra.state.keyed import Document, KeyedStore, MemoryKeyedStore, Put, Tables, open_keyed


@pytest.fixture(params=["journal", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> Iterator[KeyedStore]:
    """Yield an empty store."""
    if request.param == "memory":
        yield MemoryKeyedStore()
        return
    with open_keyed(tmp_path / "things.json", clock=clock) as opened:
        yield opened


class Noting:
    """A listener that notes what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Document | None, Document | None]] = []

    def clear(self) -> None:
        """Start over."""
        self.told.clear()

    def change(self, old: Document | None, new: Document | None) -> None:
        """Note."""
        self.told.append((old, new))


def test_a_document_comes_back_with_its_key(store: KeyedStore) -> None:
    """From its own table only; what is not there is None."""
    store.put([("a", "1", {"n": 1}), ("b", "1", {"n": [{"x": None}]})])
    assert store.get("a", "1") == {"n": 1, "key": "1"}
    assert store.get("b", "1") == {"n": [{"x": None}], "key": "1"}
    assert (store.get("a", "2"), store.get("c", "1"), store.all("c")) == (None, None, [])


def test_documents_come_in_the_order_of_their_first_storing(store: KeyedStore) -> None:
    """Replacing one leaves it in its place; removed and stored again it is the last."""
    store.put([("a", key, {"n": 0}) for key in ("c", "a", "b")])
    store.put([("a", "c", {"n": 1})])
    assert [(one["key"], one["n"]) for one in store.all("a")] == [("c", 1), ("a", 0), ("b", 0)]
    store.put([("a", "c", None)])
    store.put([("a", "c", {"n": 2})])
    assert [one["key"] for one in store.all("a")] == ["a", "b", "c"]


def test_a_document_is_replaced_as_a_whole_and_what_was_read_stays(store: KeyedStore) -> None:
    """No field of the former is left, and a reader keeps what he has."""
    given: dict[str, Any] = {"n": 1, "more": [1]}
    store.put([("a", "1", given)])
    given["more"].append(2)
    read = store.get("a", "1")
    store.put([("a", "1", {"m": 2})])
    assert read == {"n": 1, "more": [1], "key": "1"}
    assert store.get("a", "1") == {"m": 2, "key": "1"}


def test_removing_what_is_not_there_is_no_change(store: KeyedStore) -> None:
    """And no error."""
    store.put([("a", "1", {})])
    store.put([("a", "1", None), ("a", "2", None), ("b", "1", None)])
    assert (store.all("a"), store.all("b")) == ([], [])


def test_a_transaction_decides_on_the_current_state(store: KeyedStore) -> None:
    """Both ways of looking; two puts of one key in it: the later counts."""
    store.put([("a", "1", {"n": 1})])

    def decide(tables: Tables) -> Iterable[Put]:
        known = tables.get("a", "1")
        assert known is not None
        assert [one["n"] for one in tables.all("a")] == [1]
        assert tables.get("a", "2") is None
        return [("a", "2", {"n": 0}), ("a", "2", {"n": known["n"] + 1})]

    store.transact(decide)
    assert [(one["key"], one["n"]) for one in store.all("a")] == [("1", 1), ("2", 2)]


def test_a_transaction_that_fails_changes_nothing(store: KeyedStore) -> None:
    """Not even what it had decided before; the store goes on."""
    store.put([("a", "1", {"n": 1})])
    before = store.revision()

    def decide(_: Tables) -> Iterable[Put]:
        yield "a", "1", None
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        store.transact(decide)
    assert (store.get("a", "1"), store.revision()) == ({"n": 1, "key": "1"}, before)


def test_the_revision_differs_after_every_change(store: KeyedStore) -> None:
    """And not without one."""
    seen = [store.revision()]
    puts: list[Put] = [("a", "1", {"n": 1}), ("a", "1", {"n": 2}), ("b", "1", {}), ("a", "1", None)]
    for put in puts:
        store.put([put])
        seen.append(store.revision())
        assert store.revision() == seen[-1]
    assert len(set(seen)) == 5
    store.put([])
    assert store.revision() == seen[-1]


def test_a_listener_knows_what_is_there_and_hears_of_every_change(store: KeyedStore) -> None:
    """Of its own table; old and new."""
    store.put([("a", "1", {"n": 1}), ("b", "1", {})])
    noting = Noting()
    store.follow("a", noting)
    store.get("a", "1")
    first, second = {"n": 1, "key": "1"}, {"n": 2, "key": "1"}
    assert noting.told == [(None, first)]
    store.put([("b", "2", {}), ("a", "1", {"n": 2})])
    store.put([("a", "1", None), ("a", "9", None)])
    assert noting.told == [(None, first), (first, second), (second, None)]


def test_closing_twice_is_harmless(store: KeyedStore) -> None:
    """As leaving the block after closing by hand does."""
    store.put([("a", "1", {})])
    store.close()
    store.close()


def test_two_journalled_stores_on_one_file_see_each_other(tmp_path: Path) -> None:
    """Also their listeners, at the next look; and another process would."""
    with open_keyed(tmp_path / "x.json") as one, open_keyed(tmp_path / "x.json") as other:
        noting = Noting()
        other.follow("a", noting)
        one.put([("a", "1", {"n": 1})])
        assert other.get("a", "1") == {"n": 1, "key": "1"}
        assert noting.told == [(None, {"n": 1, "key": "1"})]
        other.put([("a", "2", {"n": 2})])
        assert [document["key"] for document in one.all("a")] == ["1", "2"]
        assert one.revision() == other.revision()
