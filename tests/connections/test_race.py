"""Races on a virtual clock: exact to the millisecond, and without waiting."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.connections.addresses import LOCAL, RELAY, REMOTE, Answer, Network, candidate
from tests.connections.virtual_time import run
from vidra.connections import (
    Candidate,
    ConnectionClass,
    Contest,
    Limits,
    ProbeFailure,
    best,
    connect,
    probe_all,
    race,
)
from vidra.errors import Refused, TryLater

ALL = (RELAY, REMOTE, LOCAL)
GRACE = Limits().grace


def _network(*, local: float | None, remote: float | None, relay: float | None) -> Network:
    return Network(
        {LOCAL.uri: Answer(after=local), REMOTE.uri: Answer(after=remote), RELAY.uri: Answer(after=relay)}
    )


def _winner(contest: Contest) -> str | None:
    return None if contest.winner is None else contest.winner.candidate.uri


@pytest.mark.parametrize(
    ("local", "remote", "relay", "expected", "seconds"),
    [
        (0.02, 0.05, 0.01, "https://local", 0.02),
        (0.07, 0.05, 0.01, "https://local", 0.07),
        (0.50, 0.05, 0.01, "https://remote", 0.09),
        (None, 0.05, 0.20, "https://remote", 0.13),
        (None, None, 0.40, "https://relay", 0.48),
    ],
)
def test_a_better_class_may_still_win_within_the_grace(
    local: float | None, remote: float | None, relay: float | None, expected: str, seconds: float
) -> None:
    """D1-3: the race and the monitor agree, so the primary does not flap; waiting ends with the grace."""
    contest, took = run(race(ALL, _network(local=local, remote=remote, relay=relay).probe))

    assert _winner(contest) == expected
    assert took == pytest.approx(seconds, abs=1e-6)


ANSWERS = st.builds(
    Answer,
    after=st.none() | st.floats(0.001, 4.0),
    error=st.sampled_from([None, None, None, TryLater, Refused]),
)
CONTESTANTS = st.lists(st.tuples(st.sampled_from(ConnectionClass), ANSWERS), max_size=6)


def _built(contestants: list[tuple[ConnectionClass, Answer]]) -> tuple[list[Candidate], Network]:
    candidates = [candidate(kind, str(n)) for n, (kind, _) in enumerate(contestants)]
    return candidates, Network({f"https://{n}": answer for n, (_, answer) in enumerate(contestants)})


@settings(deadline=None, max_examples=200)
@given(CONTESTANTS)
def test_a_usable_best_connection_is_found_soon_after_its_own_latency(
    contestants: list[tuple[ConnectionClass, Answer]],
) -> None:
    """The figure: at most 0.15 s beyond the latency of the address that wins, whatever the others do."""
    candidates, network = _built(contestants)
    contest, took = run(race(candidates, network.probe))
    answering = [a.after for _, a in contestants if a.after is not None and a.after < 3 and a.error is None]

    assert (contest.winner is None) == (not answering)
    if answering:
        first = min(answering)
        won = network.answers[str(_winner(contest))].after
        assert won is not None
        assert won <= first + GRACE + 1e-6
        assert took <= first + GRACE + 1e-6


@settings(deadline=None, max_examples=200)
@given(CONTESTANTS)
def test_nobody_of_a_better_class_who_answered_in_time_is_passed_over(
    contestants: list[tuple[ConnectionClass, Answer]],
) -> None:
    """Class decides among all that answer within the grace after the first."""
    candidates, network = _built(contestants)
    contest, _ = run(race(candidates, network.probe))
    if contest.winner is None:
        return
    answering = [(a.after, kind.rank) for kind, a in contestants if a.after is not None and a.error is None]
    in_time = [rank for after, rank in answering if after < min(answering)[0] + GRACE - 0.001]

    assert contest.winner.candidate.connection_class.rank <= min(in_time)


@settings(deadline=None, max_examples=100)
@given(CONTESTANTS)
def test_the_whole_search_keeps_its_budget_and_leaves_nothing_running(
    contestants: list[tuple[ConnectionClass, Answer]],
) -> None:
    """15 s in all, however many addresses swallow packets; every probe has ended or was cancelled."""
    candidates, network = _built(contestants)
    contest, took = run(connect(candidates, network.probe))

    assert took <= 15 + 1e-6
    assert network.open == 0
    assert [r.candidate for r in contest.results] == candidates


def test_addresses_that_all_take_four_seconds_are_tried_by_class() -> None:
    """The race gives up at 3 s; the patient second try asks the local address first and takes it."""
    network = _network(local=4, remote=4, relay=4)
    contest, took = run(connect(ALL, network.probe))

    assert _winner(contest) == LOCAL.uri
    assert took == pytest.approx(7)
    assert next(uri for at, uri in network.asked if at >= 3) == LOCAL.uri


def test_a_local_address_that_swallows_packets_does_not_cost_the_others_their_turn() -> None:
    """Strictly one after the other it would eat 10 of the 12 s that are left."""
    contest, took = run(connect(ALL, _network(local=None, remote=4, relay=4).probe))

    assert _winner(contest) == REMOTE.uri
    assert took == pytest.approx(3 + 4 + 4)


def test_an_address_of_another_server_is_not_asked_twice() -> None:
    """A wrong identity or certificate will not change within seconds."""
    network = Network({LOCAL.uri: Answer(after=0.1, error=Refused), REMOTE.uri: Answer(after=4.0)})
    contest, _ = run(connect([LOCAL, REMOTE], network.probe))

    assert _winner(contest) == REMOTE.uri
    assert [uri for _, uri in network.asked].count(LOCAL.uri) == 1
    assert contest.results[0].failure is ProbeFailure.REFUSED


def test_no_addresses_is_no_connection() -> None:
    """An empty list is an answer, not a crash."""
    contest, took = run(connect([], _network(local=1, remote=1, relay=1).probe))

    assert (contest.winner, took) == (None, 0)


def test_losers_are_cancelled_and_say_so() -> None:
    """A probe that runs on would hold a socket for nothing."""
    network = _network(local=0.01, remote=2, relay=None)
    contest, _ = run(race(ALL, network.probe))

    assert sorted(network.cancelled) == [RELAY.uri, REMOTE.uri]
    assert [r.failure for r in contest.results] == [ProbeFailure.NOT_ASKED, ProbeFailure.NOT_ASKED, None]


def test_a_cancelled_search_lets_go_of_its_probes() -> None:
    """An operation that is cancelled leaves nothing behind."""
    network = _network(local=None, remote=None, relay=None)

    async def cancelled() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await connect(ALL, network.probe)

    _, took = run(cancelled())

    assert took == pytest.approx(1)
    assert sorted(network.cancelled) == sorted(c.uri for c in ALL)


def test_a_programming_error_in_a_prober_is_not_hidden() -> None:
    """Only what a remote edge may raise is a probe result."""

    async def broken(uri: str, limit: float) -> None:
        raise KeyError(uri, limit)

    with pytest.raises(KeyError):
        run(race([LOCAL], broken))


def test_a_check_waits_for_all_and_agrees_with_the_score() -> None:
    """The monitor compares all addresses; a dead one costs its limit, not the sum."""
    network = _network(local=0.2, remote=0.1, relay=None)
    results, took = run(probe_all(ALL, network.probe))

    assert took == pytest.approx(3)
    assert [r.response_ms for r in results] == [None, pytest.approx(100), pytest.approx(200)]
    assert best(results) == results[2]


def test_slots_bound_the_probes_of_a_round() -> None:
    """Waiting for a slot is not counted as slowness of the address."""
    candidates = [candidate(ConnectionClass.LOCAL, str(n)) for n in range(20)]
    network = Network({c.uri: Answer(after=2.0) for c in candidates})

    async def work() -> object:
        return await probe_all(candidates, network.probe, slots=asyncio.Semaphore(5), limits=Limits(probe=3))

    results, took = run(work())

    assert isinstance(results, tuple)
    assert all(r.available for r in results)
    assert network.most_open == 5
    assert took == pytest.approx(8)
