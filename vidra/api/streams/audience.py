"""Everybody in a room. Those who keep up are told together: queued, joined and framed once for all."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import islice
from typing import Final

from vidra.api.streams.backlog import Backlog
from vidra.api.streams.message import Ending, Form, Message
from vidra.api.streams.outlet import Outlet
from vidra.api.streams.pump import Pump
from vidra.api.streams.subscriber import QUEUE_BYTES, QUEUE_LIMIT, Subscriber

AT_ONCE: Final = 25
"""Subscribers that are written to between two looks at the clock: some 0.3 ms."""


class Audience:
    """The subscribers of one room; each hears everything in order. One event loop.

    A subscriber is told together with others while nothing waits for it alone. One that cannot be
    written to is set apart, with what it has not heard yet in its own bounded queue, and comes back
    when that is empty: the cost of a message does not grow with the queues it would have to go through.
    """

    def __init__(self, pump: Pump) -> None:
        self._pump = pump
        self._together: dict[Subscriber, Outlet] = {}
        self._apart: dict[Subscriber, None] = {}
        self._waiting = Backlog()
        self._batch: Sequence[Message] = ()
        self._unwritten: dict[Subscriber, Outlet] = {}
        """Those of `_together` who have not been written the batch yet."""
        self._joined: dict[Form, bytes] = {}

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._together) + len(self._apart)

    def add(self, subscriber: Subscriber) -> None:
        """Let somebody in, who hears what is told from now on."""
        self._apart[subscriber] = None

    def discard(self, subscriber: Subscriber) -> None:
        """Let somebody go, who need not hear what waits."""
        self._together.pop(subscriber, None)
        self._unwritten.pop(subscriber, None)
        self._apart.pop(subscriber, None)
        subscriber.company = None

    def tell(self, message: Message) -> None:
        """Send everybody the message with the pump's next turn."""
        if self._apart:
            self._take_back()
            for subscriber in self._apart:
                subscriber.offer(message)
        if not self._together:
            return
        self._waiting.add(message)
        if len(self._waiting) > QUEUE_LIMIT or self._waiting.size > QUEUE_BYTES:
            self._scatter()  # more than one turn can take: from here on each at its own pace
        else:
            self._pump.add(self)

    def end(self, ending: Ending) -> None:
        """Let everybody go; what waits is still handed out."""
        for subscriber in (*self._together, *self._apart):
            subscriber.end(ending)

    def flush(self, until: float) -> None:
        """Write what waits, until that moment (of `time.perf_counter`); the rest with a later turn."""
        if not self._unwritten:
            self._begin()
        while self._unwritten and time.perf_counter() < until:
            for subscriber, outlet in tuple(islice(self._unwritten.items(), AT_ONCE)):
                # Nothing of the subscriber itself is looked at: a hundred of them are not in the CPU's cache.
                if outlet.takes(self._bytes_for(outlet.form)):
                    del self._unwritten[subscriber]
                else:
                    self.set_apart(subscriber)
        if self._unwritten or self._waiting:
            self._pump.add(self)

    def ahead_of(self, subscriber: Subscriber) -> int:
        """Return how many messages wait for a subscriber that is told together with others."""
        return len(self._waiting) + (len(self._batch) if subscriber in self._unwritten else 0)

    def set_apart(self, subscriber: Subscriber) -> None:
        """Tell the subscriber by itself from now on, beginning with what it has not been written yet."""
        if subscriber not in self._together:
            return
        del self._together[subscriber]
        unheard = [*(self._batch if subscriber in self._unwritten else ()), *self._waiting]
        self._unwritten.pop(subscriber, None)
        subscriber.company = None
        self._apart[subscriber] = None
        for message in unheard:
            subscriber.offer(message)

    def _take_back(self) -> None:
        """Tell those together again who have nothing of their own to hear; not amid what others wait for."""
        if self._waiting or self._unwritten:
            return
        for subscriber in tuple(self._apart):
            if subscriber.outlet is not None and subscriber.keeps_up:
                del self._apart[subscriber]
                self._together[subscriber] = subscriber.outlet
                subscriber.company = self

    def _scatter(self) -> None:
        for subscriber in tuple(self._together):
            self.set_apart(subscriber)
        self._waiting.take()

    def _begin(self) -> None:
        self._batch, self._joined = self._waiting.take(), {}
        self._unwritten = dict(self._together) if self._batch else {}

    def _bytes_for(self, form: Form) -> bytes:
        if form not in self._joined:
            self._joined[form] = b"".join([form(message) for message in self._batch])
        return self._joined[form]
