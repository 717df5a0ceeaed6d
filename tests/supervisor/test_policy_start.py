"""How a back end comes up, by the policy alone."""

from __future__ import annotations

import pytest

from tests.supervisor.lives import Life
from vidra.supervisor.happenings import (
    Act,
    Exited,
    KeepWaiting,
    PortTaken,
    ProbeNow,
    Spawned,
    SpawnFailed,
    Start,
    Tick,
)
from vidra.supervisor.interface import BackendState, ExitReport, NoticeKind, Timings

S = BackendState


def test_it_is_healthy_once_the_health_route_says_so() -> None:
    """503, 503, 200: starting until the third probe (requirement 8)."""
    life = Life("FF")
    life.tell(Start())
    life.live(1.4)

    assert life.state is S.STARTING
    life.live(0.2)
    assert life.states == [S.STARTING, S.HEALTHY]


def test_a_start_is_polled_every_half_second_and_given_up_after_thirty() -> None:
    """Requirements 9, 19, 20 and WD-08: at most 60 probes, then killed, and that counts as a crash."""
    life = Life("F" * 200)
    life.tell(Start())
    life.live(30)

    assert life.times(Act.PROBE) == [0.5 * n for n in range(60)]
    assert life.count(Act.END_HUNG) == 1
    assert len(life.machine.crashes) == 1
    assert life.state is S.RESTARTING


def test_a_slow_start_is_told_with_the_specified_words() -> None:
    """Requirement 86."""
    life = Life("F" * 200)
    life.tell(Start())
    life.live(30)

    messages = [told.message for told in life.notices if told.kind is NoticeKind.SLOW_START]
    assert messages == ["Backend is taking longer than expected to start."]


def test_keep_waiting_gives_thirty_seconds_more() -> None:
    """Requirement 88: healthy at 45 s succeeds, with one start and no crash."""
    life = Life("F" * 89)
    life.tell(Start())
    life.live(29)
    life.tell(KeepWaiting())
    life.live(17)

    assert life.state is S.HEALTHY
    assert life.count(Act.SPAWN) == 1
    assert life.machine.crashes == ()


def test_with_patience_a_person_may_answer_after_the_limit() -> None:
    """The CLI asks at 30 s; the process lives on while the question stands."""
    life = Life("F" * 300, timings=Timings(patience=30))
    life.tell(Start())
    life.live(31)

    assert (life.state, life.told(NoticeKind.SLOW_START)) == (S.STARTING, 1)
    life.tell(KeepWaiting())
    life.live(58)
    assert life.is_(S.STARTING)
    life.live(31)
    assert life.state is S.RESTARTING


def test_a_good_answer_that_comes_late_does_not_make_a_start_ready() -> None:
    """A slow answer counts as bad for readiness only (section 2.3, item 3)."""
    life = Life("LL")
    life.tell(Start())
    life.live(1.2)

    assert life.is_(S.STARTING)
    life.live(0.5)
    assert life.state is S.HEALTHY


def test_without_a_health_route_a_living_process_is_healthy() -> None:
    """There is nothing to ask, so nothing is asked."""
    life = Life(probed=False)
    life.tell(Start())
    life.live(300)

    assert (life.state, life.count(Act.PROBE)) == (S.HEALTHY, 0)


def test_a_missing_executable_fails_at_once() -> None:
    """Requirement 79: no restart loop around what a person has to mend."""
    life = Life()
    life.spawn_result = SpawnFailed(reason="Backend executable missing.", permanent=True)
    life.tell(Start())
    life.live(600)

    assert (life.state, life.count(Act.SPAWN)) == (S.FAILED, 1)
    assert life.told(NoticeKind.GAVE_UP) == 1


def test_a_full_process_table_is_tried_again() -> None:
    """Passing trouble of the system counts as a crash, with its delay and its limit."""
    life = Life()
    life.spawn_result = SpawnFailed(reason="no more processes", permanent=False)
    life.tell(Start())
    life.live(600)

    assert life.times(Act.SPAWN) == [0, 2, 4]
    assert life.state is S.FAILED


def test_a_stranger_on_the_fixed_port_is_waited_for_not_fought() -> None:
    """WD-12: foreign, no loop, no alert storm; started once the port is free."""
    life = Life()
    life.spawn_result = PortTaken(reason="another program listens")
    life.tell(Start())
    life.live(300)

    assert life.states == [S.STARTING, S.FOREIGN]
    assert life.times(Act.SPAWN) == [30.0 * n for n in range(11)]
    life.spawn_result = Spawned()
    life.live(31)
    assert life.states[2:] == [S.STARTING, S.HEALTHY]
    assert life.machine.crashes == ()


def test_a_lost_port_is_chosen_again_without_counting_a_crash() -> None:
    """The gap between choosing and binding costs a second try, not a crash."""
    life = Life("F" * 50)
    life.tell(Start(), Exited(report=ExitReport(code=1), port_lost=True))

    assert (life.state, life.count(Act.SPAWN)) == (S.STARTING, 2)
    assert life.machine.crashes == ()
    assert life.told(NoticeKind.MOVED) == 1


def test_losing_port_after_port_counts_as_a_crash_in_the_end() -> None:
    """Moving is bounded, so that a program that always says so cannot spin."""
    life = Life("F" * 50)
    life.tell(Start(), *[Exited(report=ExitReport(code=1), port_lost=True)] * 6)

    assert (life.state, len(life.machine.crashes)) == (S.RESTARTING, 1)


def test_an_adopted_process_is_probed_not_started() -> None:
    """WD-22, the policy's part."""
    life = Life()
    life.tell(Spawned(adopted=True))
    life.live(1)

    assert (life.state, life.count(Act.SPAWN)) == (S.HEALTHY, 0)


def test_only_one_probe_is_in_flight() -> None:
    """WD-17: ticks and requests while a probe is out do not start another."""
    life = Life(obeys=False)
    life.tell(Start(), Spawned())
    life.clock.advance(0.5)
    life.tell(Tick(), Tick(), ProbeNow(), Tick())

    assert life.count(Act.PROBE) == 1


@pytest.mark.parametrize("state", [S.STARTING, S.HEALTHY])
def test_starting_what_runs_changes_nothing(state: BackendState) -> None:
    """A start is idempotent and does not wipe the crash count of a living back end."""
    life = Life("F" * (3 if state is S.STARTING else 0))
    life.tell(Start())
    life.exit()
    life.live(2.6)
    life.tell(Start())

    assert (life.state, life.count(Act.SPAWN)) == (state, 2)
    assert len(life.machine.crashes) == 1


def test_without_a_health_route_it_has_to_live_a_moment_first() -> None:
    """A program that ends at once was never up; one that was adopted has lived long enough already."""
    life = Life(timings=Timings(settle=0.5), probed=False)
    life.tell(Start())
    early = life.state
    life.live(0.5)
    adopted = Life(timings=Timings(settle=0.5), probed=False)
    adopted.tell(Spawned(adopted=True))

    assert (early, life.state, adopted.state) == (S.STARTING, S.HEALTHY, S.HEALTHY)
