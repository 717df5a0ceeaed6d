"""What was watched of local files: kept in the source's own library, for there is no server to keep it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from vidra.servers.interface import WatchState
from vidra.state.keyed import KeyedStore

WATCHED: Final = "watched"
RATED: Final = "rated"


class ShelfWatchBook:
    """See `vidra.servers.local.WatchBook`."""

    def __init__(self, shelf: KeyedStore) -> None:
        self._shelf = shelf

    def get(self, item_id: str) -> WatchState:
        """Return the state; an empty one for an item never watched."""
        found = self._shelf.get(WATCHED, item_id) or {}
        viewed = found.get("viewed")
        return WatchState(
            watched=found.get("watched", False),
            play_count=found.get("plays", 0),
            position_ms=found.get("position_ms", 0),
            last_viewed_at=None if viewed is None else datetime.fromtimestamp(viewed, UTC),
        )

    def put(self, item_id: str, state: WatchState) -> None:
        """Store the state."""
        viewed = state.last_viewed_at
        record = {
            "version": 1,
            "watched": state.watched,
            "plays": state.play_count,
            "position_ms": state.position_ms,
            "viewed": None if viewed is None else viewed.timestamp(),
        }
        self._shelf.put([(WATCHED, item_id, record)])

    def rating(self, item_id: str) -> float | None:
        """Return the rating."""
        found = self._shelf.get(RATED, item_id)
        return None if found is None else float(found["rating"])

    def rate(self, item_id: str, rating: float) -> None:
        """Store the rating."""
        self._shelf.put([(RATED, item_id, {"version": 1, "rating": rating})])
