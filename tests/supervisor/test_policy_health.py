"""From a failed probe to a restart, and what is not a reason for one."""

from __future__ import annotations

import pytest

from tests.supervisor.lives import Life
from vidra.supervisor.happenings import Act, ProbeNow, Repaired, Restart, Start, Stop
from vidra.supervisor.interface import BackendState, NoticeKind, Timings

S = BackendState
SAME_AS_2_3 = Timings(steady_poll=10, reconnect_tries=2)
"""The numbers of reliability.md section 2.3: a probe every 10 s, three bad ones in a row."""


def test_a_healthy_back_end_is_probed_every_thirty_seconds() -> None:
    """Requirement 23."""
    life = Life().start()
    life.live(95)

    assert life.times(Act.PROBE) == [0, 30, 60, 90]


def test_one_failed_probe_makes_it_unhealthy_and_three_more_restart_it() -> None:
    """Requirements 24 and 25: failure, three tries two seconds apart, restart."""
    life = Life("SFFFF").start()
    life.live(35.9)

    assert (life.state, life.count(Act.END_HUNG)) == (S.UNHEALTHY, 0)
    life.live(0.2)
    assert (life.state, life.count(Act.END_HUNG)) == (S.RESTARTING, 1)
    assert life.times(Act.PROBE) == [0, 30, 32, 34, 36]


def test_recovery_within_the_tries_needs_no_restart() -> None:
    """Requirement 27: three failures, then good: the same process goes on."""
    life = Life("SFFFSS").start()
    life.live(60)

    assert (life.state, life.count(Act.SPAWN)) == (S.HEALTHY, 1)
    assert life.states[-2:] == [S.UNHEALTHY, S.HEALTHY]


@pytest.mark.parametrize(("probes", "restarts"), [("SFFSS", 0), ("SFFFSS", 1)])
def test_the_probe_sequences_of_wd_13(probes: str, restarts: int) -> None:
    """WD-13: `F F S` is no restart, `F F F S S` is one."""
    life = Life(probes, timings=SAME_AS_2_3).start()
    life.live(60)

    assert (life.state, life.machine.restarts) == (S.HEALTHY, restarts)


def test_failures_add_up_until_a_healthy_stretch() -> None:
    """One good answer between bad ones is not health: the count goes on."""
    life = Life("SFSFSFSF").start()
    life.live(45)

    assert life.machine.crashes != ()


def test_a_healthy_stretch_wipes_the_failures() -> None:
    """Two good answers in a row do; three failures before them are forgotten."""
    life = Life("S" + "FFFSS" * 20).start()
    life.live(700)

    assert life.machine.crashes == ()


def test_alternating_health_is_flapping_and_alerts_once() -> None:
    """WD-14: changes are muted after one notice, restart rules stay the same."""
    life = Life("S" + "FSS" * 30).start()
    life.live(600)

    assert life.machine.flapping
    assert life.told(NoticeKind.FLAPPING) == 1
    assert life.changes[-1].muted
    assert life.machine.restarts == 0


def test_flapping_ends_when_health_is_steady() -> None:
    """And that is told once, too."""
    life = Life("S" + "FSS" * 8).start()
    life.live(1500)

    assert not life.machine.flapping
    assert life.told(NoticeKind.STEADY_AGAIN) == 1


def test_a_rate_limited_health_route_is_not_down() -> None:
    """D3, weakness 9: 429 for an hour changes nothing."""
    life = Life("S" + "B" * 120).start()
    life.live(3600)

    assert (life.state, life.machine.restarts) == (S.HEALTHY, 0)


def test_429_while_unhealthy_neither_helps_nor_harms() -> None:
    """It proves life, not health."""
    life = Life("SF" + "B" * 20 + "SS").start()
    life.live(60)

    assert life.is_(S.UNHEALTHY)
    life.live(60)
    assert (life.state, life.machine.restarts) == (S.HEALTHY, 0)


def test_a_slow_answer_keeps_a_running_back_end_healthy() -> None:
    """Slowness counts for readiness only."""
    life = Life("S" + "L" * 20).start()
    life.live(600)

    assert life.state is S.HEALTHY


def test_an_answer_of_another_instance_is_a_bad_answer() -> None:
    """WD-16: 200 from somebody else is not health."""
    life = Life("SX").start()
    life.live(31)

    assert life.state is S.UNHEALTHY


def test_a_hang_is_decided_upon_in_time() -> None:
    """WD-07, by the numbers of section 2.3: decision within 32 s of the hang, probes of 2 s included."""
    life = Life("SFFF", timings=SAME_AS_2_3).start()
    life.live(10 + 2 * 2)

    assert life.count(Act.END_HUNG) == 1
    assert 10 + 2 * 2 + 3 * 2 <= 32  # three probes take their full limit of 2 s when the server hangs


@pytest.mark.parametrize("jump", [3600, -3600])
def test_setting_the_wall_clock_restarts_nothing_and_forgets_no_crash(jump: float) -> None:
    """WD-15: the limit is counted on the monotonic clock."""
    life = Life().start()
    life.exit()
    life.live(5)
    life.exit()
    life.live(5)
    life.jump(jump)
    life.live(60)

    assert (life.state, len(life.machine.crashes)) == (S.HEALTHY, 2)
    life.exit()
    assert life.state is S.FAILED


def test_failures_from_before_a_suspend_do_not_count() -> None:
    """WD-15: three failures, the lid closed for an hour, one more: no restart."""
    life = Life("SFFFFSS").start()
    life.live(35)
    life.jump(3600)
    life.live(60)

    assert (life.state, life.machine.restarts) == (S.HEALTHY, 0)


def test_a_probe_can_be_had_now() -> None:
    """The watchdog flow asks when it runs, not when the interval is over."""
    life = Life("SF").start()
    life.live(3)
    life.tell(ProbeNow())

    assert life.state is S.UNHEALTHY


# --- services we do not own


def test_an_unowned_service_is_watched_and_never_started() -> None:
    """It is unhealthy while it does not answer and healthy when it does again."""
    life = Life("S" + "F" * 8, owned=False).start()
    life.live(400)

    assert {Act.PROBE} == set(life.acts)
    assert life.states == [S.STARTING, S.HEALTHY, S.UNHEALTHY, S.HEALTHY]


def test_an_unowned_service_that_never_answers_is_unhealthy_after_the_start_limit() -> None:
    """It gets the same patience as a start of our own."""
    life = Life("F" * 500, owned=False)
    life.tell(Start())
    life.live(29)
    assert life.is_(S.STARTING)

    life.live(2)
    assert life.state is S.UNHEALTHY


def test_the_restart_command_runs_after_the_reconnect_tries() -> None:
    """For a systemd unit, for example; then it is a start like any other."""
    life = Life("SFFFF", owned=False, repairable=True).start()
    life.live(40)

    assert life.count(Act.REPAIR) == 1
    assert life.states[-3:] == [S.RESTARTING, S.STARTING, S.HEALTHY]


def test_three_failing_restart_commands_are_the_end_but_we_keep_looking() -> None:
    """Somebody may mend it by hand: good answers bring it back."""
    life = Life("SFFFF" + "FF", owned=False, repairable=True).start()
    life.repair_result = Repaired(ok=False, detail="exit code 1")
    life.live(50)
    assert (life.state, life.count(Act.REPAIR)) == (S.FAILED, 2)

    life.live(120)
    assert life.state is S.HEALTHY


def test_an_operator_restarts_an_unowned_service_by_its_command() -> None:
    """Where there is one."""
    life = Life(owned=False, repairable=True).start()
    life.tell(Restart())

    assert life.count(Act.REPAIR) == 1
    assert life.machine.crashes == ()


def test_stopping_an_unowned_service_ends_the_watching_only() -> None:
    """We do not own it, so we do not end it."""
    life = Life(owned=False).start()
    life.tell(Stop())
    life.live(100)

    assert life.state is S.STOPPED
    assert set(life.acts) == {Act.PROBE}
