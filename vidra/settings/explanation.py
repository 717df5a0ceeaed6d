"""Says of every key what it is set to and who set it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vidra.settings.keys import Key, all_keys
from vidra.settings.layers import Place, shown
from vidra.settings.loading import Resolution


@dataclass(frozen=True, kw_only=True, slots=True)
class Explained:
    """One key, its value with secrets masked, and where the value stands."""

    key: Key
    value: object
    """As JSON knows it."""
    place: Place

    def to_json(self) -> dict[str, object]:
        """Return `{"value", "origin", "source", "line"}`."""
        place = self.place
        return {"value": self.value, "origin": place.origin, "source": place.source, "line": place.line}


def explain(resolution: Resolution) -> Sequence[Explained]:
    """Return every key in the order of the models."""
    values = resolution.settings.model_dump(mode="json")
    return [
        Explained(key=key, value=shown(key.dotted, _value(values, key)), place=resolution.place(key.path))
        for key in all_keys()
    ]


def _value(values: object, key: Key) -> object:
    value = values
    for part in key.path:
        value = value[part] if isinstance(value, dict) else None
    return value
