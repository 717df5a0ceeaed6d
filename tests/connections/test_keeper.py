"""The connection of one operation: kept while it works, replaced when it fails, refused while offline."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tests.connections.addresses import LOCAL, REMOTE, Answer, Network
from tests.connections.virtual_time import run
from vidra.clock import ManualClock
from vidra.connections import Keeper, Limits, Standing, decide
from vidra.errors import TryLater

NOW = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)
BOTH = (LOCAL, REMOTE)


def _keeper(network: Network, **standing: object) -> Keeper:
    known = Standing.model_validate({"candidates": BOTH} | standing)
    return Keeper(known, network.probe, clock=ManualClock(NOW))


def _network(local: Answer, remote: Answer) -> Network:
    return Network({LOCAL.uri: local, REMOTE.uri: remote})


def test_a_known_address_is_used_without_asking() -> None:
    """An operation does not pay for what the monitor has just found out."""
    network = _network(Answer(after=1), Answer(after=1))
    keeper = _keeper(network, primary=LOCAL.uri)

    assert run(keeper.current()) == (LOCAL.uri, 0)
    assert (network.asked, keeper.results) == ([], ())


def test_an_unknown_source_is_raced() -> None:
    """The first operation after `source add` finds its own way."""
    uri, took = run(_keeper(_network(Answer(after=None), Answer(after=0.05))).current())

    assert uri == REMOTE.uri
    assert took == pytest.approx(0.05 + Limits().grace)


def test_an_offline_source_says_until_when() -> None:
    """D1-2: never the failed URL, and no probe storm during the back-off."""
    network = _network(Answer(after=0.01), Answer(after=0.01))
    keeper = _keeper(network, failures=1, next_check=NOW + timedelta(seconds=60))

    with pytest.raises(TryLater, match="offline until 2026-11-20T20:01:00") as caught:
        run(keeper.current())
    assert caught.value.retry_after == 60
    assert network.asked == []


def test_a_failure_midway_finds_the_other_address() -> None:
    """The results are handed on, so that the store and the next operation learn of it."""
    keeper = _keeper(_network(Answer(after=None), Answer(after=0.05)), primary=LOCAL.uri)
    uri, took = run(keeper.failed(LOCAL.uri))
    decision = decide(Standing(candidates=BOTH, primary=LOCAL.uri), keeper.results, now=NOW)

    assert uri == REMOTE.uri
    assert took == pytest.approx(0.05 + Limits().grace)
    assert decision.new == REMOTE.uri


def test_requests_that_fail_together_cause_one_search() -> None:
    """Eight pages in flight must not start eight races."""
    network = _network(Answer(after=0, error=TryLater), Answer(after=0.05))
    keeper = _keeper(network, primary=LOCAL.uri)

    async def together() -> list[str]:
        return await asyncio.gather(*(keeper.failed(LOCAL.uri) for _ in range(8)))

    uris, _ = run(together())

    assert uris == [REMOTE.uri] * 8
    assert len(network.asked) == 2


def test_when_nothing_answers_all_addresses_are_named() -> None:
    """The message says what was tried and how each failed."""
    keeper = _keeper(_network(Answer(after=0, error=TryLater), Answer(after=None)), primary=LOCAL.uri)

    with pytest.raises(TryLater, match=r"https://local: made up; https://remote: no answer within"):
        run(keeper.failed(LOCAL.uri))


@pytest.mark.parametrize(("after", "alive"), [(0.1, True), (2.0, False)])
def test_alive_asks_the_one_address_with_a_limit(after: float, alive: bool) -> None:
    """A request that takes long is abandoned only if the server itself no longer answers."""
    keeper = _keeper(_network(Answer(after=after), Answer(after=0)), primary=LOCAL.uri)

    assert run(keeper.alive(LOCAL.uri, 0.7))[0] is alive
