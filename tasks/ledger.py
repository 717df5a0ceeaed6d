"""Books what becomes of a job's entries beyond the job: holdings, setbacks, what rules refuse."""

from __future__ import annotations

import threading
from datetime import timedelta
from functools import cached_property
from typing import Final

from vidra.clock import SYSTEM_CLOCK, Clock, iso
from vidra.engine.jobs.resolution import subscription_of
from vidra.media.interface import DownloadedMedia, MediaEntry, Refusal
from vidra.media.lists.rules import Rules, Verdict
from vidra.redaction import redact
from vidra.settings import Settings
from vidra.state.holdings import Holding, Holdings, open_holdings
from vidra.state.interface import Entry, Job
from vidra.state.subscriptions import LeftOut, Setback, SubscriptionBook, open_book

FIRST_REST: Final = timedelta(hours=1)
LONGEST_REST: Final = timedelta(days=7)
REST_FACTOR: Final = 4
"""Each further failure of an item makes its subscription leave it alone so many times longer."""


class Ledger:
    """The books of one job; opened when first needed, safe between threads."""

    def __init__(self, job: Job, settings: Settings, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self._job, self._settings, self._clock = job, settings, clock
        self._guard = threading.RLock()

    @cached_property
    def refusal(self) -> Refusal | None:
        """What says, once a page is known, that its item is not wanted; None for jobs without rules."""
        rules = self._rules
        if rules is None:
            return None

        def refuse(entry: MediaEntry) -> str | None:
            judgement = rules.judge(entry, complete=True)
            return None if judgement.verdict is Verdict.WANTED else judgement.reason

        return refuse

    def kept(self, entry: Entry, media: DownloadedMedia) -> None:
        """Record what arrived."""
        name = self._job.subscription
        with self._guard:
            self._holdings.keep(
                Holding(
                    key=media.key,
                    url=entry.url,
                    title=media.title,
                    main_file=str(media.path),
                    files=(str(media.path), *(str(path) for path in media.sidecars)),
                    size=media.size,
                    upload_date=media.entry.upload_date or entry.extra.get("upload_date"),
                    downloaded_at=iso(self._clock.now()),
                    job_id=self._job.job_id,
                    lists=(name,) if name else (),
                )
            )
            if name is not None:
                self._book.recovered(name, [media.key])

    def claimed(self, entry: Entry) -> Holding | None:
        """Return what the library has of the entry already; the job's subscription names it from now on."""
        name = self._job.subscription
        if entry.key is None:
            return None
        with self._guard:
            if name is not None:
                self._holdings.claim(name, [entry.key])
            return self._holdings.get(entry.key)

    def failed(self, entry: Entry, error: BaseException) -> None:
        """Have the subscription leave the item alone for a while, longer each time."""
        name = self._job.subscription
        if name is None or entry.key is None:
            return
        with self._guard:
            before = self._book.setbacks(name).get(entry.key)
            count = before.count + 1 if before else 1
            rest = min(FIRST_REST * REST_FACTOR ** min(count - 1, 10), LONGEST_REST)
            self._book.set_back(
                Setback(
                    subscription=name, item=entry.key, count=count, error=redact(str(error))[:500],
                    again_at=iso(self._clock.now() + rest),
                )
            )  # fmt: skip

    def left_out(self, entry: Entry, reason: str) -> None:
        """Remember that the rules refuse the item, so that its page is not read in every run."""
        name, rules = self._job.subscription, self._rules
        if name is None or rules is None or entry.key is None:
            return
        with self._guard:
            self._book.leave_out(
                LeftOut(subscription=name, item=entry.key, reason=reason, rules=rules.digest)
            )

    def close(self) -> None:
        """Let go of the books that were opened."""
        for name in ("_holdings", "_book"):
            if name in self.__dict__:
                self.__dict__[name].close()

    @cached_property
    def _rules(self) -> Rules | None:
        own = subscription_of(self._job.subscription, self._settings)
        return None if own is None else Rules(own.rules, today=self._clock.now().date())

    @cached_property
    def _holdings(self) -> Holdings:
        storage = self._settings.storage
        return open_holdings(storage.data_dir, lock_timeout=storage.lock_timeout, clock=self._clock)

    @cached_property
    def _book(self) -> SubscriptionBook:
        storage = self._settings.storage
        return open_book(storage.data_dir, lock_timeout=storage.lock_timeout, clock=self._clock)
