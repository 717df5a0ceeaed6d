"""Subscriptions as a person sees them: what is declared, when they run, how they fared, what is amiss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from vidra.clock import SYSTEM_CLOCK, Clock, iso
from vidra.engine.jobs.resolution import network_policy
from vidra.errors import UsageError, VidraError
from vidra.media.addresses import check_url
from vidra.media.cookies import cookie_term
from vidra.settings import Settings, SubscriptionSettings
from vidra.settings.inheritance import subscription
from vidra.settings.subscriptions import CookieUse
from vidra.state.subscriptions import Standing, SubscriptionBook, open_book


@dataclass(frozen=True, kw_only=True, slots=True)
class SubscriptionCard:
    """One subscription: what is declared of it, and where it stands."""

    name: str
    settings: SubscriptionSettings
    standing: Standing
    next_run: datetime | None
    """When its schedule is due next, UTC; without jitter and quiet hours. None: it does not run by itself."""

    @property
    def rhythm(self) -> str:
        """When it runs, in words."""
        schedule = self.settings.schedule
        if schedule is None or not schedule.active or not self.settings.active:
            return "by hand"
        if schedule.cron is not None:
            return f"{schedule.cron} ({schedule.timezone or 'UTC'})"
        return f"every {schedule.interval or 0:g} s"

    def to_json(self) -> dict[str, Any]:
        """Return what `--json` shows; these keys stay."""
        last = self.standing.last_run
        return {
            "name": self.name,
            "urls": list(self.settings.urls),
            "schedule": self.rhythm,
            "next_run": None if self.next_run is None or self.standing.paused else iso(self.next_run),
            "paused": self.standing.paused,
            "held": self.standing.held,
            "last_run": None if last is None else last.model_dump(mode="json", exclude={"version"}),
        }


def cards(
    settings: Settings, names: Sequence[str] = (), *, clock: Clock = SYSTEM_CLOCK
) -> Sequence[SubscriptionCard]:
    """Return the subscriptions of these names, or all that have addresses. Raises `UsageError`."""
    declared = settings.subscriptions
    resolved = {name: subscription(name, declared) for name in names or declared}
    with book_of(settings) as book:
        return [
            SubscriptionCard(
                name=name, settings=own, standing=book.standing(name), next_run=_next_run(own, clock.now())
            )
            for name, own in resolved.items()
            if own.urls or names
        ]


def book_of(settings: Settings) -> SubscriptionBook:
    """Open the book of the configured data folder; the caller closes it."""
    return open_book(settings.storage.data_dir, lock_timeout=settings.storage.lock_timeout)


def troubles(card: SubscriptionCard, settings: Settings, *, clock: Clock = SYSTEM_CLOCK) -> list[str]:
    """Return what is amiss, or soon will be, without asking any site."""
    own, found = card.settings, []
    if not own.urls:
        found.append("it has no `urls`: it is only there to be extended")
    policy = network_policy(settings)
    for url in own.urls:
        try:
            check_url(url, policy)
        except UsageError as error:
            found.append(str(error))
    if warning := cookie_warning(own, clock=clock):
        found.append(warning)
    last = card.standing.last_run
    if last is not None and last.result in {"failed", "refused"}:
        found.append(f"its last run, at {last.started_at[:16]}Z, {last.result}: {last.message}")
    return found


def cookie_warning(own: SubscriptionSettings, *, clock: Clock = SYSTEM_CLOCK) -> str | None:
    """Return what is wrong with the subscription's cookies, or soon will be; None: nothing."""
    if own.cookies.use is CookieUse.NEVER or own.cookies.file is None:
        return None
    try:
        return cookie_term(own.cookies.file, own.urls).warning(
            now=clock.now(), warn_days=own.cookies.warn_days
        )
    except VidraError as error:
        return str(error)


def _next_run(own: SubscriptionSettings, now: datetime) -> datetime | None:
    schedule = own.schedule
    if schedule is None or not schedule.active or not own.active or not own.urls:
        return None
    if schedule.cron is None:
        return now + timedelta(seconds=schedule.interval or 0)
    return _next_cron(schedule.cron, schedule.timezone, now)


def _next_cron(cron: str, zone: str | None, now: datetime) -> datetime:
    from croniter import croniter  # noqa: PLC0415 - 20 ms that only configurations with schedules need

    local = now.astimezone(ZoneInfo(zone or "UTC"))
    found: datetime = croniter(cron, local).get_next(datetime)
    return found
