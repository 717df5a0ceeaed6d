"""The decision after a check: keep the primary, change it, or say that there is none.

Hysteresis: a primary that works is left only for a better class at once, or for an address of its
class that was at least 300 ms faster in two checks in a row and is so by its learned latency too;
one slow answer, or two, of an address that is usually fast changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum, unique
from typing import Final

from vidra.connections.history import History, learned
from vidra.connections.interface import ChangeReason, ConnectionClass, ProbeResult, Value
from vidra.connections.schedule import Cadence, after, backoff_seconds
from vidra.connections.score import best
from vidra.connections.standing import Standing
from vidra.errors import UsageError
from vidra.redaction import redact_url

FASTER_BY_MS: Final = 300.0
CHECKS_IN_A_ROW: Final = 2

_NO_CHALLENGER: Final[dict[str, object]] = {"challenger": None, "challenger_streak": 0}


@unique
class Event(StrEnum):
    """What subscribers are told after a check."""

    CHANGED = "connection-changed"
    LOST = "connection-lost"
    RESTORED = "connection-restored"


class Decision(Value):
    """The standing to store, and what happened."""

    standing: Standing
    events: tuple[Event, ...] = ()
    reason: ChangeReason | None = None
    old: str | None = None
    """The address in use before; also the one that was lost."""
    new: str | None = None
    notify: bool = False
    """Whether a person should hear of it: everything failed, or the quality fell."""


class Hysteresis(Value):
    """How much better an address of the same class must be, and for how many checks in a row."""

    faster_by_ms: float = FASTER_BY_MS
    checks_in_a_row: int = CHECKS_IN_A_ROW


def decide(
    standing: Standing,
    results: Sequence[ProbeResult],
    *,
    now: datetime,
    cadence: Cadence | None = None,
    hysteresis: Hysteresis | None = None,
) -> Decision:
    """Return the decision after all addresses were probed once."""
    observed = standing.model_copy(
        update={
            "histories": learned(standing.histories, results),
            "results": tuple(results),
            "last_check": now,
        }
    )
    champion = best(results, observed.histories)
    if champion is None:
        return _nothing_answers(observed, now)
    chosen, challenger, streak = champion, None, 0
    if pinned := _answering(results, standing.pinned):
        chosen = pinned
    elif incumbent := _answering(results, standing.primary):
        chosen, challenger, streak = _against(incumbent, champion, observed, hysteresis or Hysteresis())
    return _settled(observed, chosen, challenger, streak, now, cadence or Cadence())


def pin(standing: Standing, result: ProbeResult, *, now: datetime) -> Decision:
    """Return the decision of a person for an address, which may be one that discovery does not know.

    It stays primary whenever it answers, until `unpin`. `result` is a probe made just now; raises
    `UsageError` if it failed, for a choice that does not work is not stored.
    """
    uri = result.candidate.uri
    if not result.available:
        raise UsageError(f"{redact_url(uri)} was not chosen: {result.detail or 'it does not answer'}")
    candidates = standing.candidates
    if standing.class_of(uri) is None:
        candidates = (*candidates, result.candidate.model_copy(update={"manual": True}))
    update = {
        "candidates": candidates,
        "pinned": uri,
        "primary": uri,
        "last_primary": uri,
        "failures": 0,
        "next_check": now,
    }
    pinned = standing.model_copy(update=update | _NO_CHALLENGER)
    if uri == standing.primary:
        return Decision(standing=pinned, old=uri, new=uri)
    return Decision(
        standing=pinned,
        events=(Event.CHANGED,),
        reason=ChangeReason.MANUAL,
        old=standing.primary,
        new=uri,
    )


def unpin(standing: Standing) -> Standing:
    """Return the standing with the choice left to us again."""
    return standing.model_copy(update={"pinned": None})


def _answering(results: Sequence[ProbeResult], uri: str | None) -> ProbeResult | None:
    return next((r for r in results if r.candidate.uri == uri and r.available), None)


def _against(
    incumbent: ProbeResult, champion: ProbeResult, observed: Standing, needed: Hysteresis
) -> tuple[ProbeResult, str | None, int]:
    """Return who is primary from now on, and the challenger with its streak if there is one."""
    if champion.candidate.connection_class.rank < incumbent.candidate.connection_class.rank:
        return champion, None, 0
    if not _clearly_faster(champion, incumbent, needed):
        return incumbent, None, 0
    uri = champion.candidate.uri
    streak = observed.challenger_streak + 1 if observed.challenger == uri else 1
    if streak >= needed.checks_in_a_row and _usually_faster(champion, incumbent, observed, needed):
        return champion, None, 0
    return incumbent, uri, streak


def _clearly_faster(champion: ProbeResult, incumbent: ProbeResult, needed: Hysteresis) -> bool:
    return (incumbent.response_ms or 0.0) - (champion.response_ms or 0.0) >= needed.faster_by_ms


def _usually_faster(
    champion: ProbeResult, incumbent: ProbeResult, observed: Standing, needed: Hysteresis
) -> bool:
    usual = [
        observed.histories.get(r.candidate.uri, History()).latency_ms or 0.0 for r in (incumbent, champion)
    ]
    return usual[0] - usual[1] >= needed.faster_by_ms


def _nothing_answers(observed: Standing, now: datetime) -> Decision:
    failures = observed.failures + 1
    update = {"primary": None, "failures": failures, "next_check": after(now, backoff_seconds(failures))}
    standing = observed.model_copy(update=update | _NO_CHALLENGER)
    if observed.failures or observed.last_primary is None:
        return Decision(standing=standing)  # it was lost before, or never there
    return Decision(standing=standing, events=(Event.LOST,), old=observed.last_primary, notify=True)


def _settled(
    observed: Standing,
    chosen: ProbeResult,
    challenger: str | None,
    streak: int,
    now: datetime,
    cadence: Cadence,
) -> Decision:
    uri, kind = chosen.candidate.uri, chosen.candidate.connection_class
    standing = observed.model_copy(
        update={
            "primary": uri,
            "last_primary": uri,
            "failures": 0,
            "next_check": after(now, cadence.seconds(kind)),
            "challenger": challenger,
            "challenger_streak": streak,
        }
    )
    old = observed.last_primary
    events = [Event.RESTORED] if observed.failures and old is not None else []
    if old == uri:
        return Decision(standing=standing, events=tuple(events), old=old, new=uri)
    return Decision(
        standing=standing,
        events=(*events, Event.CHANGED),
        reason=_reason(observed),
        old=old,
        new=uri,
        notify=_fell(observed.class_of(old), kind),
    )


def _reason(observed: Standing) -> ChangeReason:
    if observed.last_primary is None:
        return ChangeReason.FIRST_SELECTION
    if _answering(observed.results, observed.primary) is not None:
        return ChangeReason.BETTER_AVAILABLE
    return ChangeReason.PRIMARY_FAILED


def _fell(old: ConnectionClass | None, new: ConnectionClass) -> bool:
    return old is not None and new.rank > old.rank
