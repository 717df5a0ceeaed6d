"""Which events of back ends a person is told, by the owner's rules."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.backend_notices import due_notices, kind_of
from vidra.settings.backends import BackendSettings, NotifyOn
from vidra.settings.notices import NoticeEvent
from vidra.state.backend_health import BackendHappening


def happening(event: str, at: int = 0, **facts: Any) -> BackendHappening:
    """Return an event, `at` so many seconds after noon."""
    moment = f"2026-11-20T12:{at // 60:02}:{at % 60:02}.000000Z"
    return BackendHappening(name="api", event=event, at=moment, facts=facts)


def notice(kind: str, at: int = 0) -> BackendHappening:
    """Return a notice of that kind."""
    return happening("backend-notice", at, kind=kind, message="what happened", evidence=["last line"])


def rules(*kinds: NotifyOn, pause: float = 300.0) -> dict[str, BackendSettings]:
    """Return one declared back end that notifies of these."""
    return {"api": BackendSettings(command=("a",), notify=kinds, notify_pause=pause)}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (notice("gave_up"), NotifyOn.GAVE_UP),
        (notice("moved"), None),
        (
            happening("backend-status", old="healthy", new="unhealthy", muted=False, reason=""),
            NotifyOn.UNHEALTHY,
        ),
        (
            happening("backend-status", old="unhealthy", new="healthy", muted=False, reason=""),
            NotifyOn.RECOVERED,
        ),
        (happening("backend-status", old="unhealthy", new="healthy", muted=True, reason=""), None),
        (happening("backend-status", old="starting", new="healthy", muted=False, reason=""), None),
    ],
)
def test_each_event_falls_under_one_rule(event: BackendHappening, expected: NotifyOn | None) -> None:
    """Changes of a flapping back end are muted."""
    assert kind_of(event) is expected


def test_only_what_the_owner_wants_is_told() -> None:
    """Other kinds, other back ends: silence."""
    told, _ = due_notices([notice("crashed"), notice("restarted")], rules(NotifyOn.RESTARTED), {})
    others, _ = due_notices([notice("crashed")], {}, {})

    assert [one.facts["kind"] for one in told] == [NotifyOn.RESTARTED]
    assert told[0].text == "what happened\nlast line"
    assert others == []


def test_the_same_is_told_once_in_the_pause() -> None:
    """A crash a minute is one message in five; the pause counts from the message, not from the crash."""
    events = [notice("crashed", at=60 * minute) for minute in range(11)]
    told, last = due_notices(events[:6], rules(NotifyOn.CRASHED), {})
    more, _ = due_notices(events[6:], rules(NotifyOn.CRASHED), last)

    assert [f"{one.at:%M}" for one in told] == ["00", "05"]
    assert [f"{one.at:%M}" for one in more] == ["10"]


def test_giving_up_is_told_each_time() -> None:
    """After it nothing goes on by itself, so silence would be wrong."""
    told, _ = due_notices([notice("gave_up", 0), notice("gave_up", 5)], rules(NotifyOn.GAVE_UP), {})

    assert [one.event for one in told] == [NoticeEvent.SERVER_DOWN] * 2
