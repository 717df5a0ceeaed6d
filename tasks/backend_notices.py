"""Which of the things that happened to back ends a person is told, and how often."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from vidra.engine.backends.recorder import STATUS
from vidra.notices import Notice
from vidra.settings.backends import BackendSettings, NotifyOn
from vidra.settings.notices import NoticeEvent
from vidra.state.backend_health import BackendHappening
from vidra.supervisor.interface import BackendState

_GOOD: Final = frozenset({NotifyOn.RESTARTED, NotifyOn.RECOVERED, NotifyOn.STEADY_AGAIN})
"""Told as the end of trouble."""
_ALWAYS: Final = frozenset({NotifyOn.GAVE_UP, NotifyOn.LEFTOVERS})
"""Told each time: after these nothing goes on by itself."""
_EVIDENCE: Final = 5
"""Lines of a back end's own output that a notice shows, the last ones."""


def due_notices(
    events: Iterable[BackendHappening], declared: Mapping[str, BackendSettings], last: Mapping[str, float]
) -> tuple[list[Notice], dict[str, float]]:
    """Return what to tell by the owner's rules, and when each kind was told last (epoch seconds).

    Changes of a flapping back end are muted; the same kind about the same back end is told once in
    `notify_pause` seconds, and only the first time counts for that.
    """
    due: list[Notice] = []
    told = dict(last)
    for event in events:
        rules, kind = declared.get(event.name), kind_of(event)
        if rules is None or kind is None or kind not in rules.notify:
            continue
        moment, key = datetime.fromisoformat(event.at).timestamp(), f"{event.name} {kind.value}"
        if kind in _ALWAYS or moment - told.get(key, float("-inf")) >= rules.notify_pause:
            told[key] = moment
            due.append(_notice(event, kind))
    return due, told


def kind_of(event: BackendHappening) -> NotifyOn | None:
    """Return which of the owner's rules the event falls under; None for what nobody is told."""
    facts = event.facts
    if event.event != STATUS:
        return NotifyOn(facts["kind"]) if facts["kind"] in set(NotifyOn) else None
    if facts.get("muted"):
        return None
    if facts["new"] == BackendState.UNHEALTHY:
        return NotifyOn.UNHEALTHY
    if facts["old"] == BackendState.UNHEALTHY and facts["new"] == BackendState.HEALTHY:
        return NotifyOn.RECOVERED
    return None


def _notice(event: BackendHappening, kind: NotifyOn) -> Notice:
    text = str(event.facts.get("message") or event.facts.get("reason") or "")
    evidence = [str(line) for line in event.facts.get("evidence") or ()]
    good = kind in _GOOD
    return Notice(
        event=NoticeEvent.SERVER_UP if good else NoticeEvent.SERVER_DOWN,
        subject=f"backend:{event.name}",
        title=f"Back end {event.name}: {kind.value.replace('_', ' ')}",
        text="\n".join([text, *evidence[-_EVIDENCE:]]),
        facts={"kind": kind.value},
        at=datetime.fromisoformat(event.at),
        trouble="" if good else kind.value,
    )
