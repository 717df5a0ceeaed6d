"""Where notices wait: taken in by the rules, handed out as one parcel for each channel, told once.

Pure decisions on documents of a store by table and key; whoever calls opens the store and sends.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from vidra.notices.interface import ENDS, NEWS, Notice, is_about
from vidra.settings.notices import ChannelSettings

PENDING: Final = "pending"
MEMOS: Final = "memos"
MOST_PENDING: Final = 200
"""Notices kept for a channel that cannot be reached; older ones are dropped, and their number is told."""
FIRST_REST, LONGEST_REST = 30.0, 3600.0
"""Seconds until an unreachable channel is tried again: doubled each time, up to the longest."""
MEMO_LIFE: Final = 14 * 86_400.0
"""Seconds after which it is forgotten that a trouble was told, or what waits for a channel that is gone."""

Put = tuple[str, str, Mapping[str, Any] | None]


class Shelf(Protocol):
    """What the desk may look at."""

    def get(self, table: str, key: str) -> dict[str, Any] | None:
        """Return the document, which must not be changed."""
        ...

    def all(self, table: str) -> Sequence[dict[str, Any]]:
        """Return the table's documents, which must not be changed."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Parcel:
    """What goes to one channel as one message."""

    channel: str
    parcel_id: str
    notices: Sequence[Notice]
    dropped: int = 0


class Desk:
    """The rules of the channels, applied to what happened. `now` is always in epoch seconds."""

    def __init__(self, channels: Mapping[str, ChannelSettings]) -> None:
        self._channels = channels

    def take_in(self, shelf: Shelf, notices: Sequence[Notice], *, now: float) -> Iterator[Put]:
        """Yield the changes that put notices into the channels' boxes, repeated troubles left out."""
        memos: dict[str, dict[str, Any]] = {one["key"]: dict(one) for one in shelf.all(MEMOS)}
        before = {key: dict(memo) for key, memo in memos.items()}
        for name, channel in self._channels.items():
            wanted = [
                notice
                for notice in notices
                if is_about(notice, name, channel) and _is_new(notice, name, channel, memos, now)
            ]
            released = list(_overdue(memos, name, channel, now))
            if wanted or released:
                yield PENDING, name, _box(shelf.get(PENDING, name), [*released, *wanted], now)
        for key, memo in memos.items():
            if now - memo["at"] > MEMO_LIFE and memo.get("muted") is None:
                yield MEMOS, key, None
            elif memo != before.get(key):
                yield MEMOS, key, memo

    def hand_out(
        self, shelf: Shelf, *, now: float, lease: float, parcels: list[Parcel], hurry: bool = False
    ) -> Iterator[Put]:
        """Add what is due to `parcels`, and yield the changes that keep others from sending it for `lease`.

        With `hurry` channels that rest after a failure are tried all the same.
        """
        parcels.clear()  # a transaction may be decided more than once
        for box in shelf.all(PENDING):
            channel = self._channels.get(box["key"])
            if channel is None:
                if now - box["since"] > MEMO_LIFE:  # not at once: this process may know older settings
                    yield PENDING, box["key"], None
            elif box["leased_until"] <= now and (hurry or box["again_at"] <= now) and self._is_full(box, now):
                parcel_id = uuid.uuid4().hex
                parcels.append(
                    Parcel(
                        channel=box["key"],
                        parcel_id=parcel_id,
                        notices=[Notice.from_json(one) for one in box["notices"]],
                        dropped=box["dropped"],
                    )
                )
                yield PENDING, box["key"], {**box, "leased_until": now + lease, "parcel": parcel_id}

    def settle(self, shelf: Shelf, parcel: Parcel, *, problem: str | None, now: float) -> Iterator[Put]:
        """Yield the changes after a parcel was delivered, or was not, which is then tried again."""
        box = shelf.get(PENDING, parcel.channel)
        if box is None or box.get("parcel") != parcel.parcel_id:
            return
        if problem is not None:
            rest = min(LONGEST_REST, FIRST_REST * 2 ** min(box["failures"], 20))
            failed = {"failures": box["failures"] + 1, "again_at": now + rest, "problem": problem}
            yield PENDING, parcel.channel, {**box, **failed, "leased_until": 0.0, "parcel": None}
            return
        sent = {_mark(one.to_json()) for one in parcel.notices}
        left = [one for one in box["notices"] if _mark(one) not in sent]
        fresh = _empty(now) | {"notices": left}
        yield PENDING, parcel.channel, fresh if left else None

    def _is_full(self, box: Mapping[str, Any], now: float) -> bool:
        channel = self._channels[box["key"]]
        return bool(box["notices"]) and now - box["since"] >= channel.digest


def _is_new(
    notice: Notice, name: str, channel: ChannelSettings, memos: dict[str, dict[str, Any]], now: float
) -> bool:
    """Whether to tell it: trouble once in `repeat_after`, its end only if the trouble was told."""
    if notice.event in NEWS:
        return True
    ended = ENDS.get(notice.event)
    if ended is not None:
        known = [
            memo for key, memo in memos.items() if key.startswith(_memo_key(name, notice.subject, ended))
        ]
        was_told = any(memo["open"] for memo in known)
        for memo in known:
            memo.update(open=False, muted=None)
        return was_told or bool(channel.events and ended not in channel.events)
    key = _memo_key(name, notice.subject, notice.event) + notice.trouble
    if key in memos and now - memos[key]["at"] < channel.repeat_after:
        # Told before, over, and back again: it is flapping, so this is told later if it stays.
        memos[key]["muted"] = None if memos[key]["open"] else notice.to_json()
        return False
    memos[key] = {"key": key, "at": now, "open": True, "muted": None}
    return True


def _overdue(
    memos: dict[str, dict[str, Any]], name: str, channel: ChannelSettings, now: float
) -> Iterable[Notice]:
    """Yield troubles that were muted for flapping and have stayed: nobody shall think that all is well."""
    for key, memo in memos.items():
        muted = memo.get("muted")
        if muted and key.startswith(f"{name}\n") and now - memo["at"] >= channel.repeat_after:
            memo.update(at=now, open=True, muted=None)
            yield Notice.from_json(muted)


def _memo_key(name: str, subject: str, event: str) -> str:
    return f"{name}\n{subject}\n{event}\n"


def _box(box: Mapping[str, Any] | None, notices: Sequence[Notice], now: float) -> dict[str, Any]:
    known = _empty(now) if box is None else dict(box)
    full = [*known["notices"], *(notice.to_json() for notice in notices)]
    too_many = max(0, len(full) - MOST_PENDING)
    return known | {"notices": full[too_many:], "dropped": known["dropped"] + too_many}


def _empty(now: float) -> dict[str, Any]:
    return {
        "notices": [], "since": now, "dropped": 0, "failures": 0, "again_at": 0.0, "leased_until": 0.0,
        "parcel": None, "problem": None,
    }  # fmt: skip


def _mark(document: Mapping[str, Any]) -> tuple[str, str, str, str]:
    return document["event"], document["subject"], document["at"], document["title"]
