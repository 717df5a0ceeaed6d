"""Decisions after a check: hysteresis, loss, restoration, back-off, and a person's choice."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.connections.addresses import LOCAL, RELAY, REMOTE, down, up
from vidra.connections import (
    Cadence,
    Candidate,
    ChangeReason,
    ConnectionClass,
    Decision,
    Event,
    Offline,
    Online,
    ProbeFailure,
    ProbeResult,
    Standing,
    Unknown,
    backoff_seconds,
    decide,
    pin,
    unpin,
)
from vidra.errors import UsageError

NOW = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)
OTHER = Candidate(uri="https://other", local=True)
ALL = (LOCAL, OTHER, REMOTE, RELAY)


def _checks(standing: Standing, *rounds: Sequence[ProbeResult]) -> list[Decision]:
    decisions: list[Decision] = []
    for number, results in enumerate(rounds):
        decisions.append(decide(standing, results, now=NOW + timedelta(seconds=30 * number)))
        standing = decisions[-1].standing
    return decisions


def test_the_first_selection_says_so() -> None:
    """A subscriber learns where the source is reached for the first time."""
    (first,) = _checks(Standing(candidates=ALL), [down(LOCAL), up(REMOTE, 80), up(RELAY, 10)])

    assert (first.events, first.reason, first.old, first.new) == (
        (Event.CHANGED,), ChangeReason.FIRST_SELECTION, None, REMOTE.uri,
    )  # fmt: skip
    assert first.standing.answer(NOW) == Online(uri=REMOTE.uri, quality=ConnectionClass.REMOTE)


def test_a_better_class_takes_over_in_one_check() -> None:
    """Coming home must not stay on the relay."""
    _, second = _checks(Standing(candidates=ALL), [up(RELAY, 10)], [up(RELAY, 10), up(LOCAL, 900)])

    assert (second.reason, second.new) == (ChangeReason.BETTER_AVAILABLE, LOCAL.uri)
    assert second.notify is False


def test_a_failed_primary_is_left_at_once_and_a_fall_in_quality_is_told() -> None:
    """Falling from local to remote is worth a notice; the reason and the old address are named."""
    before, after = [up(LOCAL, 10), up(REMOTE, 10)], [down(LOCAL), up(REMOTE, 10)]
    _, second = _checks(Standing(candidates=ALL), before, after)

    assert (second.reason, second.old, second.new) == (ChangeReason.PRIMARY_FAILED, LOCAL.uri, REMOTE.uri)
    assert second.notify is True


def test_an_equal_class_must_be_clearly_faster_twice() -> None:
    """D1-3: once is noise."""
    slow = [up(LOCAL, 500), up(OTHER, 100)]
    decisions = _checks(Standing(candidates=ALL), [up(LOCAL, 500), down(OTHER)], slow, slow)

    assert [d.new for d in decisions] == [LOCAL.uri, LOCAL.uri, OTHER.uri]
    assert decisions[2].reason is ChangeReason.BETTER_AVAILABLE


def test_two_slow_answers_of_a_usually_fast_address_change_nothing() -> None:
    """What was learned outweighs a busy minute."""
    usual, busy = [up(LOCAL, 20), up(OTHER, 60)], [up(LOCAL, 900), up(OTHER, 60)]
    decisions = _checks(Standing(candidates=ALL), *[usual] * 20, busy, busy, usual)

    assert {d.new for d in decisions} == {LOCAL.uri}


@pytest.mark.parametrize("lead", [0, 100, 299.9])
def test_a_small_lead_never_changes_the_primary(lead: float) -> None:
    """Two equal addresses would otherwise take turns for ever."""
    rounds = [[up(LOCAL, 400), up(OTHER, 400 - lead)]] * 50

    assert {d.new for d in _checks(Standing(candidates=ALL), [up(LOCAL, 400)], *rounds)} == {LOCAL.uri}


def _noisy(rng: random.Random, spikes: float) -> list[ProbeResult]:
    """Two local addresses and a remote one of equal base latency, with jitter and rare spikes up to 2.5 s."""
    return [
        up(where, 40 + rng.expovariate(1 / 30) + (rng.uniform(300, 2500) if rng.random() < spikes else 0))
        for where in (LOCAL, OTHER, REMOTE)
    ]


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), spikes=st.sampled_from([0.0, 0.02, 0.1]))
def test_noise_changes_the_primary_once_in_two_hundred_checks_at_most(seed: int, spikes: float) -> None:
    """The figure (1,000 rounds in `benchmarks/connections.py`): no flapping where the classes stay."""
    rng = random.Random(seed)
    decisions = _checks(Standing(candidates=ALL), *[_noisy(rng, spikes) for _ in range(200)])

    assert sum(Event.CHANGED in d.events for d in decisions[1:]) <= 1


@pytest.mark.long
@pytest.mark.parametrize("spikes", [0.0, 0.02, 0.1, 0.2])
def test_noise_changes_the_primary_once_in_a_thousand_checks_at_most(spikes: float) -> None:
    """The figure itself, over a hundred seeds."""
    for seed in range(100):
        rng = random.Random(seed)
        decisions = _checks(Standing(candidates=ALL), *[_noisy(rng, spikes) for _ in range(1000)])

        assert sum(Event.CHANGED in d.events for d in decisions[1:]) <= 1, seed


def test_losing_everything_is_told_once_and_hands_out_no_address() -> None:
    """D1-1, D1-2: no stale URL, `connection-lost` once, offline until the next look."""
    dead = [down(c) for c in ALL]
    _, second, third = _checks(Standing(candidates=ALL), [up(LOCAL, 10)], dead, dead)

    assert (second.events, second.old, second.notify) == ((Event.LOST,), LOCAL.uri, True)
    assert (third.events, third.notify) == ((), False)
    assert third.standing.answer(NOW) == Offline(until=NOW + timedelta(seconds=60 + 120))
    assert third.standing.failures == 2


def test_coming_back_is_told_and_resets_the_failures() -> None:
    """A source that recovers is checked as often as before."""
    dead = [down(c) for c in ALL]
    *_, back = _checks(Standing(candidates=ALL), [up(LOCAL, 10)], dead, dead, [up(LOCAL, 10)])
    *_, elsewhere = _checks(Standing(candidates=ALL), [up(LOCAL, 10)], dead, [down(LOCAL), up(RELAY, 10)])

    assert (back.events, back.standing.failures) == ((Event.RESTORED,), 0)
    assert elsewhere.events == (Event.RESTORED, Event.CHANGED)
    assert (elsewhere.reason, elsewhere.old) == (ChangeReason.PRIMARY_FAILED, LOCAL.uri)


def test_a_source_that_never_answered_is_not_lost() -> None:
    """There was nothing to lose."""
    decisions = _checks(Standing(candidates=ALL), [down(LOCAL)], [down(LOCAL)])

    assert [d.events for d in decisions] == [(), ()]


def test_the_back_off_doubles_up_to_ten_minutes() -> None:
    """The series of the contract; a zeroth failure is a mistake of the caller."""
    assert [backoff_seconds(n) for n in (1, 2, 3, 4, 5, 6, 1000)] == [60, 120, 240, 480, 600, 600, 600]
    with pytest.raises(ValueError, match="from 1"):
        backoff_seconds(0)


def test_the_cadence_follows_the_class_that_was_found() -> None:
    """The predecessor took the class of the check before."""
    cadence = Cadence(local=300, remote=120, relay=30)
    fell = decide(Standing(candidates=ALL, primary=LOCAL.uri), [up(RELAY, 10)], now=NOW, cadence=cadence)

    assert fell.standing.next_check == NOW + timedelta(seconds=30)
    assert (fell.standing.due(NOW), fell.standing.due(NOW + timedelta(seconds=30))) == (False, True)


def test_every_result_is_kept_after_success_and_failure() -> None:
    """D1-1: list, times, quality, failures and last check are stored either way."""
    _, second = _checks(Standing(candidates=ALL), [up(LOCAL, 12)], [down(LOCAL, ProbeFailure.REFUSED)])
    stored = Standing.model_validate_json(second.standing.model_dump_json())

    assert stored == second.standing
    assert stored.last_check == NOW + timedelta(seconds=30)
    assert stored.results == (down(LOCAL, ProbeFailure.REFUSED),)
    assert stored.histories[LOCAL.uri].probes == 2
    assert stored.histories[LOCAL.uri].success_rate == pytest.approx(0.9)


def test_a_pinned_address_stays_while_it_answers() -> None:
    """D2-3: a chosen address must not revert to the one we would have chosen."""
    pinned = pin(Standing(candidates=ALL, primary=LOCAL.uri, last_primary=LOCAL.uri), up(RELAY, 10), now=NOW)
    everything = [up(LOCAL, 1), up(RELAY, 800)]
    decisions = _checks(pinned.standing, everything, [up(LOCAL, 1), down(RELAY)], everything)
    freed = decide(unpin(decisions[-1].standing), everything, now=NOW)

    assert (pinned.reason, pinned.new) == (ChangeReason.MANUAL, RELAY.uri)
    assert [d.new for d in decisions] == [RELAY.uri, LOCAL.uri, RELAY.uri]
    assert freed.new == LOCAL.uri


def test_an_address_that_does_not_answer_cannot_be_pinned() -> None:
    """D2: tested before it is saved; nothing is changed otherwise."""
    with pytest.raises(UsageError, match="was not chosen"):
        pin(Standing(candidates=ALL), down(LOCAL), now=NOW)


def test_a_custom_address_survives_discovery() -> None:
    """D2-3: a reverse proxy the server does not know of."""
    custom = Candidate(uri="https://media.example")
    standing = pin(Standing(candidates=(LOCAL,)), up(custom, 30), now=NOW).standing
    rediscovered = standing.with_candidates([REMOTE])

    assert [c.uri for c in rediscovered.candidates] == [REMOTE.uri, custom.uri]
    assert (rediscovered.pinned, rediscovered.primary) == (custom.uri, custom.uri)


def test_newly_discovered_addresses_are_looked_at_at_once() -> None:
    """And a primary that is gone from the list is not handed out any more."""
    (first,) = _checks(Standing(candidates=ALL), [up(LOCAL, 10)])
    moved = first.standing.with_candidates([REMOTE])
    same = first.standing.with_candidates(ALL)

    assert moved.answer(NOW) == Unknown()
    assert moved.due(NOW)
    assert (same.primary, same.due(NOW)) == (LOCAL.uri, False)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.sampled_from(ALL), unique=True, max_size=4), min_size=1, max_size=12))
def test_the_primary_always_answered_in_the_last_check(rounds: list[list[Candidate]]) -> None:
    """Whatever comes and goes: an address in use was available, lost and restored take turns."""
    checks = [[up(c, 50) if c in alive else down(c) for c in ALL] for alive in rounds]
    decisions = _checks(Standing(candidates=ALL), *checks)
    told = [e for d in decisions for e in d.events if e is not Event.CHANGED]

    for decision, alive in zip(decisions, rounds, strict=True):
        ranks = [c.connection_class.rank for c in alive]
        quality = decision.standing.quality

        assert (decision.standing.primary in {c.uri for c in alive}) == bool(alive)
        assert (None if quality is None else quality.rank) == min(ranks, default=None)
    assert all(event is (Event.LOST, Event.RESTORED)[n % 2] for n, event in enumerate(told))
