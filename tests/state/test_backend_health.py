"""Records about back ends: bounded, in order, safe between processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from vidra.state.backend_health import (
    EVENTS_KEPT,
    SAMPLES_KEPT,
    BackendHappening,
    BackendHealth,
    Sample,
    Standing,
    Told,
)

AT = "2026-11-20T12:00:00.000000Z"


@pytest.fixture
def health(tmp_path: Path) -> Iterator[BackendHealth]:
    """Return records in an empty folder."""
    made = BackendHealth(tmp_path / "health.json")
    yield made
    made.close()


def event(name: str = "api", **facts: object) -> BackendHappening:
    """Return an event about to be stored."""
    return BackendHappening(name=name, event="backend-status", at=AT, facts=facts)


def sample(name: str, number: int) -> Sample:
    """Return an answer that is known again by its latency."""
    return Sample(name=name, at=AT, state="healthy", answer="good", latency=float(number))


def test_events_are_numbered_and_read_from_any_place(health: BackendHealth) -> None:
    """Whoever has heard of number 2 hears of 3 next, and of nothing twice."""
    health.record([event(n=1), event(n=2)], [])
    health.record([event(n=3)], [])

    assert [(one.number, one.facts["n"]) for one in health.since(0).events] == [(1, 1), (2, 2), (3, 3)]
    assert [one.number for one in health.since(2).events] == [3]
    assert health.since(3).events == []
    assert (health.latest(), health.since(3).reset) == (3, False)


def test_old_events_go_and_who_was_away_for_long_is_told(health: BackendHealth) -> None:
    """The ring is bounded; a place that is not kept any more is answered with a reset."""
    health.record([event(n=number) for number in range(EVENTS_KEPT + 5)], [])

    assert len(health.since(5).events) == EVENTS_KEPT
    assert health.since(3).reset
    assert not health.since(5).reset
    assert health.since(EVENTS_KEPT + 6).reset, "a place of another history"


def test_answers_are_a_ring_for_each_back_end(health: BackendHealth) -> None:
    """One that is asked often pushes out its own answers, not those of others."""
    health.sample([sample("rare", 0)])
    for number in range(SAMPLES_KEPT + 3):
        health.sample([sample("often", number)])

    assert [one.latency for one in health.samples("often")] == [float(n) for n in range(3, SAMPLES_KEPT + 3)]
    assert len(health.samples("rare")) == 1


def test_the_latest_standing_counts_and_undeclared_ones_go(health: BackendHealth) -> None:
    """Events of one that was taken out of the configuration stay, its standing does not."""
    health.record([], [Standing(name=name, at=AT, facts={"state": "starting"}) for name in ("b", "a")])
    health.record([event("b")], [Standing(name="a", at=AT, facts={"state": "healthy"})])
    health.forget_others(["a"])

    assert [(one.name, one.facts["state"]) for one in health.standings()] == [("a", "healthy")]
    assert health.latest() == 1


def test_another_process_sees_it_at_once(health: BackendHealth, tmp_path: Path) -> None:
    """The engine writes, the shim and flows read, and the reverse."""
    other = BackendHealth(tmp_path / "health.json")
    health.record([event(n=1)], [])
    other.tell(Told(number=1, last={"api crashed": 5.0}))

    assert other.latest() == 1
    assert health.told() == Told(number=1, last={"api crashed": 5.0})
    assert (tmp_path / "health.journal").stat().st_mode & 0o777 == 0o600
    other.close()
