"""Messages that wait, in order; of figures, which have a key, only the latest."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterator, Sequence

from vidra.api.streams.message import Message


class Backlog:
    """A queue without a bound of its own; `size` is about how many bytes wait."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[Hashable, Message] = OrderedDict()
        self._serial = 0
        self.size = 0

    def __len__(self) -> int:
        """Return how many messages wait."""
        return len(self._waiting)

    def __iter__(self) -> Iterator[Message]:
        """Yield what waits, in order."""
        return iter(self._waiting.values())

    def add(self, message: Message) -> None:
        """Put the message at the end; one with the same key goes."""
        self._serial += 1
        key = ("", self._serial) if message.key is None else message.key
        replaced = self._waiting.pop(key, None)  # the newer figures stand at the end
        self.size += len(message.text) - (len(replaced.text) if replaced else 0)
        self._waiting[key] = message

    def take(self) -> Sequence[Message]:
        """Return what waits; nothing does afterwards."""
        taken = tuple(self._waiting.values())
        self._waiting.clear()
        self.size = 0
        return taken
