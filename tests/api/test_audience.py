"""A room's audience: whoever keeps up is told together, whoever does not has a queue of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from operator import attrgetter

from vidra.api.streams import subscriber as subscribing
from vidra.api.streams.audience import AT_ONCE, Audience
from vidra.api.streams.message import Ending, Message
from vidra.api.streams.outlet import Outlet
from vidra.api.streams.pump import Pump
from vidra.api.streams.subscriber import Subscriber

FORM = attrgetter("frame")


class Peer:
    """A connection with a sender of its own, which takes bytes while it is `free`."""

    def __init__(self, pump: Pump) -> None:
        self.subscriber = Subscriber(pump=pump)
        self.subscriber.outlet = Outlet(self._write, FORM)
        self.free = asyncio.Event()
        self.free.set()
        self.at_once: list[bytes] = []
        self.heard = b""
        self.sender = asyncio.create_task(self._send())

    def _write(self, data: bytes) -> bool:
        if self.free.is_set():
            self.at_once.append(data)
            self.heard += data
        return self.free.is_set()

    async def _send(self) -> None:
        while messages := await self.subscriber.take():
            for message in messages:
                await self.free.wait()
                self.heard += message.frame


def play(scene: Callable[[Audience, list[Peer]], Awaitable[None]], peers: int = 3) -> list[Peer]:
    """Run a scene with so many peers in a room; return them."""

    async def played() -> list[Peer]:
        pump = Pump()
        audience, found = Audience(pump), [Peer(pump) for _ in range(peers)]
        for peer in found:
            audience.add(peer.subscriber)
        await settled()
        await scene(audience, found)
        await settled()
        for peer in found:
            peer.sender.cancel()
        return found

    return asyncio.run(played())


async def settled() -> None:
    """Let everybody have many turns."""
    for _ in range(20):
        await asyncio.sleep(0)


def message(number: int) -> Message:
    """Return a message whose frame ends with the number."""
    return Message(text=f"{number:03}")


def heard(*numbers: int) -> bytes:
    """Return the frames of those messages."""
    return b"".join(message(number).frame for number in numbers)


def test_what_is_told_in_one_go_is_one_write_for_each() -> None:
    """Joined, in order, past the senders; and nobody is written the bytes of an earlier round."""

    async def scene(audience: Audience, _peers: list[Peer]) -> None:
        audience.tell(message(0))
        await settled()
        for first in (1, 4):
            for number in range(first, first + 3):
                audience.tell(message(number))
            await settled()

    for peer in play(scene, peers=2 * AT_ONCE + 1):
        assert peer.at_once == [heard(0), heard(1, 2, 3), heard(4, 5, 6)]


def test_one_that_cannot_be_written_to_loses_nothing_and_comes_back() -> None:
    """It hears in order what the others heard meanwhile, and is told together with them again."""

    async def scene(audience: Audience, peers: list[Peer]) -> None:
        for number in range(12):
            if number in {3, 8}:
                (peers[1].free.clear if number == 3 else peers[1].free.set)()
            audience.tell(message(number))
            await settled()

    quick, slow, _ = play(scene)
    assert quick.heard == slow.heard == heard(*range(12))
    assert heard(5) in quick.at_once
    assert heard(5) not in slow.at_once
    assert heard(11) in slow.at_once


def test_what_one_is_told_by_itself_comes_behind_what_waits_for_all() -> None:
    """And what is told to all afterwards comes behind that."""

    async def scene(audience: Audience, peers: list[Peer]) -> None:
        audience.tell(message(0))
        await settled()
        audience.tell(message(1))
        assert len(peers[0].subscriber) == 1
        peers[0].subscriber.offer(message(2))
        audience.tell(message(3))

    first, second, _ = play(scene)
    assert (first.heard, second.heard) == (heard(0, 1, 2, 3), heard(0, 1, 3))


def test_last_words_are_heard_before_the_end() -> None:
    """An end does not overtake what was told, and nothing is told after it."""

    async def scene(audience: Audience, _peers: list[Peer]) -> None:
        audience.tell(message(0))
        await settled()
        audience.tell(message(1))
        audience.end(Ending.GONE)
        audience.tell(message(2))

    for peer in play(scene):
        assert (peer.heard, peer.subscriber.ending) == (heard(0, 1), Ending.GONE)


def test_who_leaves_between_two_turns_is_not_written_to() -> None:
    """Nor does anybody else miss anything; one who comes then hears only what follows."""
    late: list[Peer] = []

    async def scene(audience: Audience, peers: list[Peer]) -> None:
        audience.tell(message(0))
        await settled()
        audience.tell(message(1))
        audience.discard(peers[0].subscriber)
        late.append(Peer(Pump()))
        audience.add(late[0].subscriber)
        await settled()
        audience.tell(message(2))
        await settled()
        late[0].sender.cancel()

    gone, stayed, _ = play(scene)
    assert (gone.heard, stayed.heard) == (heard(0), heard(0, 1, 2))
    assert late[0].heard == heard(2)


def test_what_waits_for_all_is_bounded() -> None:
    """A burst that no turn can take goes into the queues of each, which have their own bounds."""
    many = subscribing.QUEUE_LIMIT + 50

    async def scene(audience: Audience, peers: list[Peer]) -> None:
        audience.tell(message(0))
        await settled()
        for number in range(1, many):
            audience.tell(message(number))
        assert [peer.subscriber.company for peer in peers] == [None] * len(peers)

    for peer in play(scene):
        assert peer.heard == heard(*range(many))


def test_a_broken_outlet_harms_nobody_else() -> None:
    """Its own sender finds out what is wrong with it."""

    async def scene(audience: Audience, peers: list[Peer]) -> None:
        def broken(_: bytes) -> bool:
            raise ValueError("broken")

        peers[0].subscriber.outlet = Outlet(broken, FORM)
        for number in range(3):
            audience.tell(message(number))
            await settled()

    for peer in play(scene):
        assert peer.heard == heard(0, 1, 2)
