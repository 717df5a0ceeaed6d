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

FASTER_BY_MS: Final = 300.0
CHECKS_IN_A_ROW: Final = 2


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


def decide(
    standing: Standing, results: Sequence[ProbeResult], *, now: datetime, cadence: Cadence | None = None
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
    incumbent = next((r for r in results if r.candidate.uri == standing.primary and r.available), None)
    chosen, challenger, streak = champion, None, 0
    if incumbent is not None:
        chosen, challenger, streak = _against(incumbent, champion, observed)
    return _settled(observed, chosen, challenger, streak, now, cadence or Cadence())


def manual_choice(standing: Standing, uri: str, *, now: datetime) -> Decision:
    """Return the decision of a person for one of the candidates; raise `ValueError` for another address."""
    if standing.class_of(uri) is None:
        raise ValueError(f"{uri} is none of this source's addresses")
    update = {"primary": uri, "last_primary": uri, "failures": 0, "next_check": now, "challenger": None}
    after_choice = standing.model_copy(update=update)
    if uri == standing.primary:
        return Decision(standing=after_choice)
    return Decision(
        standing=after_choice,
        events=(Event.CHANGED,),
        reason=ChangeReason.MANUAL,
        old=standing.primary,
        new=uri,
    )


def _against(
    incumbent: ProbeResult, champion: ProbeResult, observed: Standing
) -> tuple[ProbeResult, str | None, int]:
    """Return who is primary from now on, and the challenger with its streak if there is one."""
    if champion.candidate.connection_class.rank < incumbent.candidate.connection_class.rank:
        return champion, None, 0
    if not _clearly_faster(champion, incumbent):
        return incumbent, None, 0
    uri = champion.candidate.uri
    streak = observed.challenger_streak + 1 if observed.challenger == uri else 1
    if streak >= CHECKS_IN_A_ROW and _usually_faster(champion, incumbent, observed):
        return champion, None, 0
    return incumbent, uri, streak


def _clearly_faster(champion: ProbeResult, incumbent: ProbeResult) -> bool:
    return (incumbent.response_ms or 0.0) - (champion.response_ms or 0.0) >= FASTER_BY_MS


def _usually_faster(champion: ProbeResult, incumbent: ProbeResult, observed: Standing) -> bool:
    usual = [
        observed.histories.get(r.candidate.uri, History()).latency_ms or 0.0 for r in (incumbent, champion)
    ]
    return usual[0] - usual[1] >= FASTER_BY_MS


def _nothing_answers(observed: Standing, now: datetime) -> Decision:
    failures = observed.failures + 1
    lost = observed.primary
    standing = observed.model_copy(
        update={
            "primary": None,
            "last_primary": lost or observed.last_primary,
            "failures": failures,
            "next_check": after(now, backoff_seconds(failures)),
            "challenger": None,
            "challenger_streak": 0,
        }
    )
    if lost is None:
        return Decision(standing=standing)
    return Decision(standing=standing, events=(Event.LOST,), old=lost, notify=True)


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
    old = observed.primary or observed.last_primary
    events: list[Event] = [Event.RESTORED] if observed.primary is None and old is not None else []
    if old == uri:
        return Decision(standing=standing, events=tuple(events), old=old, new=uri)
    return Decision(
        standing=standing,
        events=(*events, Event.CHANGED),
        reason=_reason(observed, chosen),
        old=old,
        new=uri,
        notify=_fell(observed.class_of(old), kind),
    )


def _reason(observed: Standing, chosen: ProbeResult) -> ChangeReason:
    if observed.primary is None and observed.last_primary is None:
        return ChangeReason.FIRST_SELECTION
    still_up = any(r.available and r.candidate.uri == observed.primary for r in observed.results)
    return ChangeReason.BETTER_AVAILABLE if still_up else ChangeReason.PRIMARY_FAILED


def _fell(old: ConnectionClass | None, new: ConnectionClass) -> bool:
    return old is not None and new.rank > old.rank
