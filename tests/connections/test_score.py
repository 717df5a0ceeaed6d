"""The score: its published vectors, and its order as a property."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.connections.addresses import LOCAL, RELAY, REMOTE, down, up
from vidra.connections import Candidate, History, ProbeResult, best, score

BOTH = Candidate(uri="https://both", local=True, relay=True)


@pytest.mark.parametrize(
    ("where", "milliseconds", "expected"),
    [
        (LOCAL, 50, -1000), (REMOTE, 100, 1), (RELAY, 200, 502), (REMOTE, 99, 0), (LOCAL, 999, -991),
        (BOTH, 0, 500),
    ],
)  # fmt: skip
def test_the_vectors_of_the_specification(where: Candidate, milliseconds: float, expected: int) -> None:
    """D1-4: the local bonus counts once, a relay is never local, division truncates."""
    assert score(where, available=True, response_ms=milliseconds) == expected


@given(st.sampled_from([LOCAL, REMOTE, RELAY, BOTH]), st.none() | st.floats(0, 60_000))
def test_the_unavailable_score_ten_thousand_at_least(where: Candidate, milliseconds: float | None) -> None:
    """D1-4: an unavailable local address at 9000 would be a lie."""
    assert score(where, available=False, response_ms=milliseconds) >= 10_000


RESULTS = st.lists(
    st.one_of(
        st.builds(up, st.sampled_from([LOCAL, REMOTE, RELAY, BOTH]), st.floats(0, 10_000)),
        st.builds(down, st.sampled_from([LOCAL, REMOTE, RELAY, BOTH])),
    ),
    max_size=8,
)


@given(RESULTS)
def test_the_best_is_available_and_nothing_available_scores_lower(results: list[ProbeResult]) -> None:
    """All unavailable means no connection, never the stale primary."""
    winner = best(results)
    scores = [score(r.candidate, available=True, response_ms=r.response_ms) for r in results if r.available]

    assert (winner is None) == (not scores)
    if winner is not None:
        assert score(winner.candidate, available=True, response_ms=winner.response_ms) == min(scores)


@given(st.floats(0, 3_000), st.floats(0, 3_000), st.floats(0, 3_000))
def test_within_the_probe_limit_latency_never_beats_class(a: float, b: float, c: float) -> None:
    """D1-3: a fast relay must not win over a direct address that is up."""
    assert best([up(RELAY, a), up(REMOTE, b), up(LOCAL, c)]) == up(LOCAL, c)
    assert best([up(RELAY, a), up(REMOTE, b)]) == up(REMOTE, b)


def test_equal_scores_are_decided_by_experience() -> None:
    """An address that drops every fifth request loses to one that does not."""
    other = Candidate(uri="https://other", local=True)
    known = {LOCAL.uri: History(success_rate=0.8, probes=9), other.uri: History(success_rate=1, probes=9)}

    assert best([up(LOCAL, 20), up(other, 30)], known) == up(other, 30)
    assert best([up(LOCAL, 20), up(other, 30)]) == up(LOCAL, 20)
