"""Which channel is told what, and how often."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from vidra.notices import Desk, Notice, Parcel, compose
from vidra.settings.notices import ChannelSettings, NoticeEvent
from vidra.state.keyed import MemoryKeyedStore

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DOWN, UP = NoticeEvent.SERVER_DOWN, NoticeEvent.SERVER_UP


def notice(event: NoticeEvent = NoticeEvent.FAILED, subject: str = "job:1", **fields: Any) -> Notice:
    """Return a notice."""
    return Notice(event=event, subject=subject, title=fields.pop("title", event.value), at=NOON, **fields)


class Office:
    """A desk with one channel and its store."""

    def __init__(self, **rules: Any) -> None:
        self.store = MemoryKeyedStore()
        self.desk = Desk({"phone": ChannelSettings(apprise="secret:phone", **rules)})

    def tell(self, *notices: Notice, now: float) -> list[str]:
        """Take notices in; return the titles that go out at that second, and are delivered."""
        self.store.transact(lambda shelf: list(self.desk.take_in(shelf, notices, now=now)))
        return [one.title for parcel in self.due(now) for one in self.settled(parcel, now, None).notices]

    def due(self, now: float) -> list[Parcel]:
        """Return what is handed out."""
        parcels: list[Parcel] = []
        self.store.transact(lambda shelf: list(self.desk.hand_out(shelf, now=now, lease=9, parcels=parcels)))
        return parcels

    def settled(self, parcel: Parcel, now: float, problem: str | None) -> Parcel:
        """Say what became of a parcel."""
        self.store.transact(lambda shelf: list(self.desk.settle(shelf, parcel, problem=problem, now=now)))
        return parcel


def test_a_channel_hears_only_of_its_events_and_subjects() -> None:
    """Rules are patterns on the subject, and a list of events."""
    office = Office(events=[NoticeEvent.FAILED], subjects=["subscription:*"])
    wanted = notice(subject="subscription:talks", title="wanted")
    told = office.tell(wanted, notice(), notice(NoticeEvent.DOWNLOADED, "subscription:talks"), now=0)
    assert told == ["wanted"]


def test_a_subscription_may_name_its_channels() -> None:
    """`notifications: [other]` of a subscription keeps the phone silent."""
    assert Office().tell(notice(channels=["other"]), notice(subject="job:2", title="b"), now=0) == ["b"]


def test_the_same_trouble_is_told_once_and_again_after_a_while() -> None:
    """`repeat_after` counts from the time it was told."""
    office = Office(repeat_after=100)
    assert [office.tell(notice(), now=now) for now in (0, 50, 99, 101)] == [["failed"], [], [], ["failed"]]


def test_good_news_is_told_only_of_trouble_that_was_told() -> None:
    """Nobody hears that a server is back who never heard that it was away."""
    office = Office()
    assert office.tell(notice(UP, "backend:a"), now=0) == []
    assert office.tell(notice(DOWN, "backend:a", trouble="crashed"), now=1) == ["server_down"]
    assert office.tell(notice(UP, "backend:b"), now=2) == []
    assert office.tell(notice(UP, "backend:a"), now=3) == ["server_up"]


def test_flapping_is_told_once_and_its_last_word_in_the_end() -> None:
    """Down, up, and down for good: the second loss is told late, not never."""
    office = Office(repeat_after=100)
    events = [DOWN, UP, DOWN, UP, DOWN]
    told = [office.tell(notice(event, "backend:a"), now=now) for now, event in enumerate(events)]
    assert told == [["server_down"], ["server_up"], [], [], []]
    assert office.tell(now=101) == ["server_down"]
    assert office.tell(now=300) == []


def test_a_digest_gathers_until_its_time_and_goes_out_as_one() -> None:
    """The period begins with the first notice."""
    office = Office(digest=60)
    assert office.tell(notice(subject="job:1", title="a"), now=0) == []
    assert office.tell(notice(subject="job:2", title="b"), now=30) == []
    assert office.tell(now=60) == ["a", "b"]
    assert office.tell(now=200) == []


def test_what_was_not_delivered_rests_and_is_sent_with_what_came_since() -> None:
    """A dead channel costs nothing while it rests, and loses nothing."""
    office = Office()
    office.store.transact(lambda shelf: list(office.desk.take_in(shelf, [notice(title="a")], now=0)))
    (parcel,) = office.due(0)
    assert office.due(0) == []  # somebody else does not send it too
    office.settled(parcel, 1, "dead")
    assert office.tell(notice(subject="job:2", title="b"), now=2) == []
    assert office.tell(now=40) == ["a", "b"]


def test_a_dead_channel_keeps_a_bounded_number_and_says_what_it_lost() -> None:
    """The newest stay."""
    office = Office()
    many = [notice(subject=f"job:{n}", title=f"t{n}") for n in range(250)]
    office.store.transact(lambda shelf: list(office.desk.take_in(shelf, many, now=0)))
    (parcel,) = office.due(0)
    assert (len(parcel.notices), parcel.dropped, parcel.notices[-1].title) == (200, 50, "t249")
    assert compose(parcel.notices, dropped=50).title == "Vidra: 200 failed"


def test_a_message_puts_troubles_first_and_is_cut() -> None:
    """Common services refuse longer texts."""
    news = notice(NoticeEvent.DOWNLOADED, title="news", text="x" * 9000)
    message = compose([news, notice(title="trouble")])
    assert message.text.startswith("trouble")
    assert len(message.text) <= 3500
