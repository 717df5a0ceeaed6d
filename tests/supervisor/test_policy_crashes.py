"""What counts as a crash, when it is too many, and what is left alone."""

from __future__ import annotations

import pytest

from tests.supervisor.lives import Life
from vidra.supervisor.happenings import Act, Exited, Reset, Restart, Start, Stop
from vidra.supervisor.interface import BackendState, ExitReport, NoticeKind

S = BackendState


@pytest.mark.parametrize(
    ("report", "state"),
    [
        (ExitReport(code=0), S.RESTARTING),
        (ExitReport(code=1), S.RESTARTING),
        (ExitReport(code=78), S.FAILED),
        (ExitReport(signal=11), S.RESTARTING),
        (ExitReport(signal=6), S.RESTARTING),
        (ExitReport(), S.RESTARTING),
    ],
)
def test_every_unasked_end_has_its_reaction(report: ExitReport, state: BackendState) -> None:
    """WD-02: exit 0 and death by signal are crashes, 78 is hopeless."""
    life = Life().start()
    life.tell(Exited(report=report))

    assert life.state is state
    assert str(report) in life.machine.reason or state is S.FAILED


@pytest.mark.parametrize(
    ("report", "state"),
    [
        (ExitReport(code=0), S.STOPPED),
        (ExitReport(code=1), S.RESTARTING),
        (ExitReport(code=0, leftovers=(7,)), S.RESTARTING),
    ],
)
def test_a_code_that_says_so_is_a_wish_to_leave(report: ExitReport, state: BackendState) -> None:
    """Declared codes are no crash and no start follows, unless something of it is still there."""
    life = Life(final_exits={0}).start()
    life.tell(Exited(report=report))

    assert life.state is state
    life.live(60)
    assert (life.count(Act.SPAWN) == 1) is (state is S.STOPPED)


def test_a_missing_dependency_fails_at_once() -> None:
    """Requirement 82: the reason names it and no restart is tried."""
    life = Life("F")
    life.tell(Start())
    life.tell(Exited(report=ExitReport(code=1), permanent="a dependency is missing: ImportError: x"))
    life.live(60)

    assert (life.state, life.count(Act.SPAWN)) == (S.FAILED, 1)
    assert "ImportError" in life.machine.reason


def test_the_restart_comes_after_two_seconds() -> None:
    """Requirements 29, 30 and 31."""
    life = Life().start()
    life.exit()
    life.live(1.9)

    assert (life.state, life.count(Act.SPAWN)) == (S.RESTARTING, 1)
    life.live(0.7)
    assert (life.state, life.count(Act.SPAWN)) == (S.HEALTHY, 2)
    assert [told.message for told in life.notices][-1] == "Backend restarted after crash"


def test_three_crashes_in_five_minutes_are_the_end() -> None:
    """WD-03: exactly three starts, one alert, and still so an hour later."""
    life = Life().start()
    for _ in range(3):
        life.exit()
        life.live(10)
    life.live(3600)

    assert (life.state, life.count(Act.SPAWN)) == (S.FAILED, 3)
    assert life.told(NoticeKind.GAVE_UP) == 1
    assert "3 crashes in 300 s" in life.machine.reason


def test_the_default_numbers_can_reach_failed() -> None:
    """WD-04: even the slowest crash, a start that never becomes ready, fits three times into 300 s."""
    life = Life("F" * 1000)
    life.tell(Start())
    life.live(299)

    assert life.state is S.FAILED


def test_crashes_further_apart_do_not_stop_it() -> None:
    """Requirement 33 and WD-01: fifty crashes, 200 s apart, are fifty restarts."""
    life = Life().start()
    for _ in range(50):
        life.exit(signal=9, code=None)
        life.live(200)

    assert (life.state, life.count(Act.SPAWN)) == (S.HEALTHY, 51)


def test_ten_operator_restarts_are_not_crashes() -> None:
    """WD-05."""
    life = Life().start()
    for _ in range(10):
        life.tell(Restart())
        life.live(3)

    assert (life.state, life.count(Act.SPAWN)) == (S.HEALTHY, 11)
    assert life.machine.crashes == ()


def test_crashes_of_the_former_supervisor_count() -> None:
    """WD-06: two crashes, a new supervisor, a third crash: failed."""
    first = Life().start()
    first.exit()
    first.live(5)
    first.exit()
    second = Life(crashes=first.machine.crashes)
    second.clock.advance(first.now - second.now)
    second.start(operator=False)
    second.exit()

    assert second.state is S.FAILED


def test_a_failed_back_end_stays_failed_for_the_next_supervisor() -> None:
    """A start by the supervisor itself is not the operator's decision."""
    life = Life(failed="3 crashes in 300 s")
    life.tell(Start(operator=False))

    assert (life.state, life.acts) == (S.FAILED, [])
    assert life.machine.reason == "3 crashes in 300 s"


@pytest.mark.parametrize("way_back", [Start(), Restart()])
def test_an_operator_brings_it_back_with_a_clean_count(way_back: Start | Restart) -> None:
    """The way back from failed: the next crash is the first again."""
    life = Life().start()
    for _ in range(3):
        life.exit()
        life.live(10)
    life.tell(way_back)
    life.live(1)
    life.exit()

    assert life.state is S.RESTARTING
    assert len(life.machine.crashes) == 1


def test_a_reset_makes_a_failed_back_end_a_stopped_one() -> None:
    """Nothing is started by it."""
    life = Life(failed="because")
    life.tell(Reset())

    assert (life.state, life.acts) == (S.STOPPED, [])


def test_an_exit_that_was_asked_for_is_not_a_crash() -> None:
    """The end of a stop sequence is reported twice at most, and counted never."""
    life = Life(obeys=False)
    life.tell(Start(), *[life.spawn_result], Stop())
    life.exit()

    assert life.state is S.STOPPING
    assert life.machine.crashes == ()


def test_a_stop_during_the_crash_delay_is_a_stop() -> None:
    """Ambiguity 11: nothing is started afterwards."""
    life = Life().start()
    life.exit()
    life.tell(Stop())
    life.live(60)

    assert (life.state, life.count(Act.SPAWN)) == (S.STOPPED, 1)


def test_a_start_during_the_crash_delay_is_a_start_now() -> None:
    """The operator need not wait."""
    life = Life().start()
    life.exit()
    life.tell(Start())

    assert (life.state, life.count(Act.SPAWN)) == (S.STARTING, 2)


def test_a_start_during_a_stop_follows_it() -> None:
    """Ambiguity 11: serialised, not dropped."""
    life = Life(obeys=False)
    life.tell(Start(), life.spawn_result, Stop(), Start())

    assert (life.state, life.count(Act.SPAWN)) == (S.STOPPING, 1)
    life.tell(life.obey(Act.END))
    assert (life.state, life.count(Act.SPAWN)) == (S.STARTING, 2)


def test_a_stop_after_that_start_wins() -> None:
    """The last word counts."""
    life = Life(obeys=False)
    life.tell(Start(), life.spawn_result, Stop(), Start(), Stop(), life.obey(Act.END))

    assert (life.state, life.count(Act.SPAWN)) == (S.STOPPED, 1)


def test_a_stop_during_a_start_ends_the_process() -> None:
    """Ambiguity 11."""
    life = Life("F")
    life.tell(Start(), Stop())
    life.live(60)

    assert life.acts == [Act.SPAWN, Act.END]
    assert life.states == [S.STARTING, S.STOPPING, S.STOPPED]


def test_what_even_kill_does_not_end_is_not_called_stopped() -> None:
    """Section 2.3, item 7: `stopping` stays, an alert goes out, and it is tried again."""
    life = Life().start()
    life.end_report = ExitReport(leftovers=(4711,))
    life.tell(Stop())

    assert (life.state, life.told(NoticeKind.LEFTOVERS)) == (S.STOPPING, 1)
    life.end_report = ExitReport(signal=9)
    life.live(30)
    assert life.state is S.STOPPED


def test_no_second_copy_is_started_beside_leftovers() -> None:
    """A crash whose remains live on waits for them, whatever the restart delay says."""
    life = Life().start()
    life.end_report = ExitReport(leftovers=(4711,))
    life.exit(leftovers=(4711,))
    life.live(29)

    assert (life.state, life.count(Act.SPAWN)) == (S.RESTARTING, 1)
    life.end_report = ExitReport(signal=9)
    life.live(33)
    assert life.count(Act.SPAWN) == 2
