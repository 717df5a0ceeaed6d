"""What changes come to, who is right, and when to try again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidra.library.between import owed
from vidra.library.watching import (
    ChangeState,
    Policy,
    ServerState,
    StepKind,
    WatchChange,
    folded_in,
    retried,
    steps,
)

LENGTH = 6_000_000


def change(**fields: Any) -> WatchChange:
    """Return a change of one film of 100 minutes."""
    return WatchChange(key="home|1/movie/1", source="home", item="1/movie/1", duration_ms=LENGTH, **fields)


def doing(kind: str, at: int, position: int) -> WatchChange:
    """Return one thing a person did."""
    if kind == "position":
        return change(position_ms=position, position_at=at)
    return change(watched=kind == "watched", watched_at=at)


def server(*, watched: bool = False, position: int = 0, viewed: int | None = None) -> ServerState:
    """Return what a server says."""
    return ServerState(watched=watched, position_ms=position, viewed=viewed)


DOINGS = st.lists(
    st.tuples(st.sampled_from(["position", "watched", "unwatched"]), st.integers(1, LENGTH)), min_size=1
)


@given(DOINGS)
def test_changes_in_order_come_to_the_last_mark_and_the_position_after_it(
    doings: list[tuple[str, int]],
) -> None:
    """However many there were; positions from nine tenths on are marks."""
    folded, mark, position = None, None, None
    for at, (kind, where) in enumerate(doings, start=1):
        folded = folded_in(folded, doing(kind, at, where))
        if kind == "position" and where < 0.9 * LENGTH:
            position = where
        else:
            mark, position = kind != "unwatched", None
    assert folded is not None
    assert (folded.watched, folded.position_ms) == (mark, position)


@given(st.permutations([10, 20, 30, 40]))
def test_positions_that_arrive_in_any_order_come_to_the_latest(times: list[int]) -> None:
    """A late report of an early moment changes nothing."""
    folded = None
    for at in times:
        folded = folded_in(folded, change(position_ms=at * 1000, position_at=at))
    assert folded is not None
    assert folded.position_ms == 40_000


@pytest.mark.parametrize(
    ("ours", "theirs", "policy", "sent"),
    [
        (500, server(position=400), Policy.FURTHEST, True),
        (500, server(position=600), Policy.FURTHEST, False),
        (500, server(position=500), Policy.LOCAL, False),
        (500, server(position=600), Policy.LOCAL, True),
        (500, server(position=600, viewed=10), Policy.LATEST, True),
        (500, server(position=400, viewed=99), Policy.LATEST, False),
        (500, server(watched=True, viewed=99), Policy.FURTHEST, False),
        (500, server(watched=True, viewed=10), Policy.FURTHEST, True),
        (500, None, Policy.FURTHEST, True),
    ],
)
def test_of_two_positions_the_policy_decides(
    ours: int, theirs: ServerState | None, policy: Policy, sent: bool
) -> None:
    """The further one, the later one, or ours; unknown means ours."""
    found = steps(change(position_ms=ours, position_at=50), theirs, policy)
    assert [step.kind for step in found] == ([StepKind.POSITION] if sent else [])


@pytest.mark.parametrize("watched", [True, False])
def test_a_mark_is_sent_once(watched: bool) -> None:
    """Not to a server that has it: a second scrobble would count a second viewing."""
    mark = change(watched=watched, watched_at=50)
    assert steps(mark, server(watched=watched), Policy.FURTHEST) == []
    kind = StepKind.WATCHED if watched else StepKind.UNWATCHED
    assert [s.kind for s in steps(mark, server(watched=not watched, viewed=99), Policy.FURTHEST)] == [kind]


def test_tries_are_spaced_out_and_end_where_trying_is_useless() -> None:
    """1, 2, 4 … 60 s; a change that is refused for good is stuck, one that meets an outage never is."""
    now, waits, one = 1000, [], change(watched=True, watched_at=1)
    for _ in range(8):
        one = retried(one, "away", now=now, final=False, most=3)
        waits.append(one.next_try - now)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert one.state is ChangeState.PENDING
    assert retried(one, "no such item", now=now, final=True, most=3).state is ChangeState.STUCK
    again = folded_in(one, change(watched=False, watched_at=2))
    assert (again.attempts, again.next_try, again.error) == (0, 0, None)


@given(st.integers(0, 100), st.integers(0, 100), st.booleans(), st.booleans())
def test_of_two_sources_at_most_one_owes_the_other(at: int, bt: int, a: bool, b: bool) -> None:
    """The one that was watched later gives; nothing goes in circles."""
    one, two = {"viewed": at, "watched": a, "plays": 1}, {"viewed": bt, "watched": b, "plays": 1}
    assert not (owed(one, two) and owed(two, one))
    given_now = owed(one, two)
    if given_now:
        after = {**two, "watched": True, "viewed": given_now["watched_at"]}
        assert not owed(one, after)
        assert not owed(after, one)
