"""Tells people: keeps notices until they are delivered, and never holds a run up or makes it fail."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Any, Final, TypeVar

from vidra.clock import SYSTEM_CLOCK, Clock, iso
from vidra.credentials import CredentialStore
from vidra.engine.notices.carriers import NotDelivered, ask, post, secret_of, tell_apprise
from vidra.engine.secret_store import configured_credentials
from vidra.errors import CredentialError, VidraError
from vidra.notices import Desk, Notice, Parcel
from vidra.redaction import redact
from vidra.settings import Settings
from vidra.settings.notices import ChannelSettings, NoticeEvent
from vidra.state.keyed import KeyedStore, open_keyed

FILE: Final = "notices.json"
STANDINGS: Final = "standings"
FAILING: Final = "failing"
"""Table of what failed the last time, so that its end can be told."""
SCOPE: Final = "notify"
"""Scope of the secrets that `secret:NAME` means, hence `VIDRA_SECRET_NOTIFY_NAME`."""
_SPARE: Final = 30.0
"""Seconds after the time-out until another process may take a parcel over from one that was killed."""
T = TypeVar("T")
_log = logging.getLogger(__name__)


@unique
class Ping(StrEnum):
    """What a schedule reports."""

    START = "start"
    SUCCESS = "success"
    FAIL = "fail"


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """What became of one channel's message."""

    channel: str
    notices: int
    problem: str | None = None


def keep(notices: Sequence[Notice], settings: Settings, *, clock: Clock = SYSTEM_CLOCK) -> None:
    """Put notices into the channels' boxes; the next `send` delivers them. Never raises."""
    if settings.notifications.channels and notices:
        _guarded(lambda: _take_in(notices, settings, clock), None)


def send(
    notices: Sequence[Notice],
    settings: Settings,
    *,
    clock: Clock = SYSTEM_CLOCK,
    hurry: bool = False,
) -> Sequence[Delivery]:
    """Tell the channels what they want to know, and what is left over from earlier. Never raises.

    Takes `notifications.timeout` seconds at most, all channels at the same time; what could not be
    delivered is logged, kept, and tried again by a later call. Costs a `stat` when there is nothing.
    """
    if not settings.notifications.channels:
        return []
    if not notices and not _is_there(settings):
        return []
    return _guarded(lambda: _send(notices, settings, clock, hurry), [])


async def asend(notices: Sequence[Notice], settings: Settings) -> Sequence[Delivery]:
    """Do `send` on a thread of its own."""
    return await asyncio.to_thread(send, notices, settings)


def try_channel(name: str, settings: Settings, *, clock: Clock = SYSTEM_CLOCK) -> Delivery:
    """Send a test message to the channel at once, past rules and digest; it is not kept."""
    notice = Notice(
        event=NoticeEvent.RECOVERED,
        subject="test:vidra",
        title="Vidra can reach you",
        text=f"This is the test message of the channel `{name}`.",
        at=clock.now(),
    )
    parcel = Parcel(channel=name, parcel_id="test", notices=[notice])
    (delivery,) = _deliver([parcel], settings, clock).values()
    return delivery


def ping(name: str, kind: Ping, settings: Settings) -> str | None:
    """Report to the schedule's dead man's switch; return what went wrong, which is logged. Never raises."""
    addresses = settings.notifications.pings.get(name)
    address = getattr(addresses, kind.value, None)
    if address is None:
        return None
    limit = settings.notifications.timeout
    store = configured_credentials(settings)
    problem = _in_time([lambda: ask(_resolved(address, store), timeout=limit)], limit)[0]
    if problem is not None:
        _log.warning("ping `%s` of %s: %s", kind, name, problem)
    return problem


async def aping(name: str, kind: Ping, settings: Settings) -> None:
    """Do `ping` on a thread of its own; returns at once when there is nobody to ping."""
    if name in settings.notifications.pings:
        await asyncio.to_thread(ping, name, kind, settings)


def standings(settings: Settings) -> Mapping[str, Mapping[str, Any]]:
    """Return of each channel when it was last reached or not, and what waits; makes no file."""
    if not _is_there(settings):
        return {}
    with _opened(settings, SYSTEM_CLOCK) as store:
        boxes = {box["key"]: box for box in store.all("pending")}
        known = {one["key"]: one for one in store.all(STANDINGS)}
        return {
            name: {
                "delivered_at": known.get(name, {}).get("delivered_at"),
                "failed_at": known.get(name, {}).get("failed_at"),
                "problem": boxes.get(name, {}).get("problem"),
                "waiting": len(boxes.get(name, {}).get("notices", ())),
            }
            for name in settings.notifications.channels
        }


def mark_failing(subject: str, settings: Settings, *, failing: bool) -> bool:
    """Remember whether this works at present; return whether it failed before. Never raises.

    Costs a `stat` where nothing was ever told.
    """
    if not settings.notifications.channels or (not failing and not _is_there(settings)):
        return False
    return _guarded(lambda: _mark_failing(subject, settings, failing), False)


def save_secret(name: str, value: str, settings: Settings) -> str:
    """Store what `secret:NAME` means; return where. Raises `CredentialError` and `ValueError`."""
    from pydantic import SecretStr  # noqa: PLC0415 - as late as everything a terminal waits for

    return configured_credentials(settings).save(SCOPE, name, SecretStr(value)).value


def secret_place(reference: str, settings: Settings) -> str | None:
    """Return where the secret that `secret:NAME` means would be read from; None: nowhere."""
    where = configured_credentials(settings).where(SCOPE, reference.removeprefix("secret:"))
    return None if where is None else where.value


def _send(notices: Sequence[Notice], settings: Settings, clock: Clock, hurry: bool) -> Sequence[Delivery]:
    desk, parcels = Desk(settings.notifications.channels), list[Parcel]()
    lease = settings.notifications.timeout + _SPARE

    with _opened(settings, clock) as store:
        store.transact(lambda shelf: list(desk.take_in(shelf, notices, now=_epoch(clock))))
        store.transact(
            lambda shelf: list(
                desk.hand_out(shelf, now=_epoch(clock), lease=lease, parcels=parcels, hurry=hurry)
            )
        )
        if not parcels:
            return []
        deliveries = _deliver(parcels, settings, clock)
        for parcel in parcels:
            _settle(store, desk, parcel, deliveries[parcel.channel], clock)
    return list(deliveries.values())


def _take_in(notices: Sequence[Notice], settings: Settings, clock: Clock) -> None:
    desk = Desk(settings.notifications.channels)
    with _opened(settings, clock) as store:
        store.transact(lambda shelf: list(desk.take_in(shelf, notices, now=_epoch(clock))))


def _mark_failing(subject: str, settings: Settings, failing: bool) -> bool:
    with _opened(settings, SYSTEM_CLOCK) as store:
        before = store.get(FAILING, subject) is not None
        if before is not failing:
            store.put([(FAILING, subject, {"key": subject} if failing else None)])
        return before


def _settle(store: KeyedStore, desk: Desk, parcel: Parcel, delivery: Delivery, clock: Clock) -> None:
    now, problem = _epoch(clock), delivery.problem
    if problem is not None:
        _log.warning("channel `%s` was not told (tried again later): %s", parcel.channel, problem)
    store.transact(lambda shelf: list(desk.settle(shelf, parcel, problem=problem, now=now)))
    known = store.get(STANDINGS, parcel.channel) or {"delivered_at": None, "failed_at": None}
    moment = {"failed_at" if problem else "delivered_at": iso(clock.now())}
    store.put([(STANDINGS, parcel.channel, {**known, **moment})])


def _deliver(parcels: Sequence[Parcel], settings: Settings, clock: Clock) -> dict[str, Delivery]:
    notifications, store = settings.notifications, configured_credentials(settings)
    limit = notifications.timeout

    def carrier(parcel: Parcel) -> Callable[[], None]:
        channel = notifications.channels[parcel.channel]
        return lambda: _carry(parcel, channel, store, clock, limit)

    problems = _in_time([carrier(parcel) for parcel in parcels], limit)
    return {
        parcel.channel: Delivery(channel=parcel.channel, notices=len(parcel.notices), problem=problem)
        for parcel, problem in zip(parcels, problems, strict=True)
    }


def _carry(
    parcel: Parcel, channel: ChannelSettings, store: CredentialStore, clock: Clock, limit: float
) -> None:
    if channel.webhook is not None and channel.signing_key is not None:
        key = secret_of(channel.signing_key, store, scope=SCOPE)
        post(_resolved(channel.webhook, store), parcel, key=key, now=clock.now(), timeout=limit)
    elif channel.apprise is not None:
        tell_apprise(secret_of(channel.apprise, store, scope=SCOPE), parcel)


def _resolved(address: str, store: CredentialStore) -> str:
    return secret_of(address, store, scope=SCOPE) if address.startswith("secret:") else address


def _in_time(work: Sequence[Callable[[], None]], limit: float) -> list[str | None]:
    """Do all at the same time; return what went wrong with each. Threads that hang are left behind."""
    problems: list[str | None] = [f"no answer in {limit:g} seconds"] * len(work)

    def do(place: int) -> None:
        try:
            work[place]()
            problems[place] = None
        except (NotDelivered, CredentialError, VidraError) as error:
            problems[place] = redact(str(error))
        except Exception as error:  # noqa: BLE001 - foreign notification plug-ins raise anything; told, not raised
            problems[place] = redact(f"unexpected error: {error!r}")

    threads = [
        threading.Thread(target=do, args=(n,), name=f"notice-{n}", daemon=True) for n in range(len(work))
    ]
    deadline = SYSTEM_CLOCK.monotonic() + limit
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - SYSTEM_CLOCK.monotonic()))
    return list(problems)


def _guarded(work: Callable[[], T], otherwise: T) -> T:
    try:
        return work()
    except Exception as error:  # noqa: BLE001 - the outermost edge of telling people: no run fails for it
        _log.warning("nobody could be told: %s", redact(str(error) or repr(error)))
        return otherwise


def _opened(settings: Settings, clock: Clock) -> KeyedStore:
    storage = settings.storage
    return open_keyed(storage.data_dir / FILE, clock=clock, lock_timeout=storage.lock_timeout, repair=True)


def _is_there(settings: Settings) -> bool:
    return any(settings.storage.data_dir.glob("notices.j*"))  # snapshot, or journal only


def _epoch(clock: Clock) -> float:
    return clock.now().timestamp()
