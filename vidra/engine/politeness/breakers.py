"""The breakers of all sites, in a file of the data folder: they hold across processes and restarts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from vidra.clock import SYSTEM_CLOCK, Clock, iso
from vidra.engine.politeness.breaker import Breaker, Phase, Rule
from vidra.errors import Cancelled, SitePaused, SlowDown, TryLater, VidraError
from vidra.redaction import redact
from vidra.settings import LimitSettings, Settings
from vidra.state import FileState, open_configured_state
from vidra.state.interface import JobStatus

HALF_OPEN_POLL: Final = 2.0
"""Seconds between two looks whether the try of a half-open site is over."""
FILE: Final = "sites"
TABLE: Final = "breakers"


@dataclass(frozen=True, kw_only=True, slots=True)
class PausedSite:
    """A site that is being left alone, for a person to read."""

    site: str
    phase: Phase
    until: str
    """ISO-8601 UTC: when it is tried again, or when the try under way counts as lost."""
    opened: int
    """How often in a row; each time doubled the pause."""
    reason: str


def rule_of(limits: LimitSettings) -> Rule:
    """Return the rule the owner's settings ask for."""
    return Rule(
        refusals=limits.refusals,
        window=limits.refusal_window,
        pause=limits.pause,
        longest=limits.longest_pause,
    )


def paused_sites(settings: Settings) -> list[PausedSite]:
    """Return the sites that are being left alone; makes no file and no folder."""
    if not any(settings.storage.data_dir.glob(f"{FILE}.j*")):
        return []
    with open_configured_state(settings.storage) as state:
        breakers = Breakers(state, rule=rule_of(settings.limits))
        try:
            return breakers.paused()
        finally:
            breakers.close()


def resume_site(settings: Settings, site: str) -> bool:
    """Have the site asked again from now on; return whether it was left alone.

    Jobs that were put off go on within seconds when the engine runs; those that wait for another site
    are put off again.
    """
    with open_configured_state(settings.storage) as state:
        breakers = Breakers(state, rule=rule_of(settings.limits))
        try:
            was_paused = breakers.close_by_hand(site)
        finally:
            breakers.close()
        for job in state.jobs.list(statuses={JobStatus.PAUSED}):
            if was_paused and job.resume_at is not None:
                state.jobs.update(job.job_id, resume_at=iso(SYSTEM_CLOCK.now()))
    return was_paused


class Breakers:
    """Lets downloads through to sites, or not, and learns from what becomes of them.

    Safe between threads and processes. While all is well a download costs a `stat`; a refusal and what
    follows from it are written durably. Raises `StateError` subclasses when the disk does not play along.
    """

    def __init__(
        self,
        state: FileState,
        *,
        rule: Rule,
        clock: Clock = SYSTEM_CLOCK,
        on_pause: Callable[[PausedSite], None] = lambda _: None,
        on_free: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Set up; the callbacks are called on the thread that found out.

        `on_pause` hears of a site that is left alone from now on, `on_free` of one that answers again.
        """
        self._on_pause, self._on_free = on_pause, on_free
        self._db = state.database(FILE)
        self._table = self._db.table(TABLE, unique="site")
        self._rule, self._clock = rule, clock

    def admit(self, site: str, who: str) -> None:
        """Let `who` ask the site; raise `SitePaused` while it is left alone."""
        now = self._now()
        breaker = self._read(site)
        if breaker.phase is Phase.CLOSED:
            return
        if breaker.admits(who, now):
            breaker = self._change(site, lambda b: b.admitted(who, now) if b.admits(who, now) else b)
        if breaker.phase is not Phase.CLOSED and breaker.probe != who:
            is_open = breaker.phase is Phase.OPEN
            seconds = max(1.0, breaker.until - now) if is_open else HALF_OPEN_POLL
            until = iso(datetime.fromtimestamp(now + seconds, UTC))
            raise SitePaused(site, until=until, seconds=seconds, reason=breaker.reason)

    @contextmanager
    def watching(self, site: str, who: str) -> Iterator[None]:
        """Learn from how the block ends, which asks the site for something; nothing is swallowed."""
        try:
            yield
        except SlowDown as refusal:
            self.refused(site, who, refusal)
            raise
        except (TryLater, Cancelled):
            self._settle(site, lambda breaker: breaker.given_up(who, self._now()))
            raise
        except VidraError:
            self._settle(site, lambda breaker: breaker.answered(who))
            raise
        except BaseException:
            self._settle(site, lambda breaker: breaker.given_up(who, self._now()))
            raise
        else:
            self._settle(site, lambda breaker: breaker.answered(who))

    def refused(self, site: str, who: str, refusal: SlowDown) -> None:
        """Note that the site refused `who`."""
        now, reason = self._now(), redact(str(refusal))[:300]
        opened = False

        def step(breaker: Breaker) -> Breaker:
            nonlocal opened
            after = breaker.refused(who, now, rule=self._rule, reason=reason, retry_after=refusal.retry_after)
            opened = after.opened > breaker.opened
            return after

        breaker = self._change(site, step)
        if opened:
            self._on_pause(_shown(site, breaker))

    def paused(self) -> list[PausedSite]:
        """Return the sites that are being left alone, by name."""
        found = [(document["site"], _breaker(document)) for document in self._table.all()]
        return sorted(
            (_shown(site, breaker) for site, breaker in found if breaker.phase is not Phase.CLOSED),
            key=lambda shown: shown.site,
        )

    def close_by_hand(self, site: str) -> bool:
        """Have the site asked again from now on; return whether it was left alone."""
        was = self._read(site)
        self._settle(site, lambda _: Breaker())
        return was.phase is not Phase.CLOSED

    def close(self) -> None:
        """Let go of the file."""
        self._db.journal.close()

    def _settle(self, site: str, step: Callable[[Breaker], Breaker]) -> None:
        known = self._read(site)
        if step(known) == known:
            return
        after = self._change(site, step)
        if known.phase is not Phase.CLOSED and after.phase is Phase.CLOSED:
            self._on_free(site)

    def _read(self, site: str) -> Breaker:
        return _breaker(self._table.look_up(site))

    def _change(self, site: str, step: Callable[[Breaker], Breaker]) -> Breaker:
        """Carry out the step on what the file says now; nobody else changes it in between."""
        after = Breaker()

        def transaction(replica: Any) -> list[tuple[str, int, dict[str, Any] | None]]:  # noqa: ANN401 - the journal's own class
            nonlocal after
            doc_id = self._table.id_of(site)
            document = None if doc_id is None else replica.tables[TABLE][doc_id]
            before = _breaker(document)
            after = step(before)
            if after == before:
                return []
            if after == Breaker():
                return [] if doc_id is None else [(TABLE, doc_id, None)]
            return [(TABLE, doc_id or replica.next_id(TABLE), _document(site, after))]

        self._db.journal.change(transaction)
        return after

    def _now(self) -> float:
        return self._clock.now().timestamp()


def _document(site: str, breaker: Breaker) -> dict[str, Any]:
    facts = asdict(breaker) | {"phase": breaker.phase.value, "refused_at": list(breaker.refused_at)}
    return {"version": 1, "site": site, **facts}


def _breaker(document: Mapping[str, Any] | None) -> Breaker:
    if document is None:
        return Breaker()
    facts = {key: value for key, value in document.items() if key not in {"version", "site"}}
    known = Breaker(**facts)
    return replace(known, phase=Phase(known.phase), refused_at=tuple(known.refused_at))


def _shown(site: str, breaker: Breaker) -> PausedSite:
    return PausedSite(
        site=site,
        phase=breaker.phase,
        until=iso(datetime.fromtimestamp(breaker.until, UTC)),
        opened=breaker.opened,
        reason=breaker.reason,
    )
