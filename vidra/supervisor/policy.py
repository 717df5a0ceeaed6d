"""The life of one back end as a pure state machine: every rule and constant, no process and no waiting.

`Machine.handle` takes what happened and returns what to do and tell. It reads the time from an injected
clock only; `Machine.due` says when it wants a `Tick`. All events of a back end go through one machine,
one at a time, so a stop during a start or a restart during a stop is just another order of events.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final, assert_never

from vidra.clock import Clock
from vidra.supervisor.crashes import CrashWindow
from vidra.supervisor.flapping import FlapDetector
from vidra.supervisor.happenings import (
    Act,
    Answer,
    Changed,
    Ended,
    Exited,
    Happening,
    KeepWaiting,
    Outcome,
    PortTaken,
    Probe,
    Probed,
    ProbeNow,
    Repaired,
    Reset,
    Restart,
    Spawned,
    SpawnFailed,
    Start,
    Stop,
    Tick,
    Told,
)
from vidra.supervisor.interface import BackendState, ExitReport, NoticeKind, Timings
from vidra.supervisor.timers import SleepDetector, Timer, Timers

EX_CONFIG: Final = 78
"""`sysexits.h`: the program says its configuration is wrong, so starting it again is useless."""
_MOST_MOVES: Final = 5
"""Ports lost to strangers in a row before it counts as a crash."""

_LIVING: Final = frozenset({BackendState.STARTING, BackendState.HEALTHY, BackendState.UNHEALTHY})


class Machine:
    """Decides for one back end; `owned` and `repairable` say what can be done, `probed` what can be asked."""

    def __init__(
        self,
        timings: Timings,
        clock: Clock,
        *,
        owned: bool = True,
        probed: bool = True,
        repairable: bool = False,
        final_exits: Collection[int] = (),
        crashes: Iterable[float] = (),
        failed: str | None = None,
    ) -> None:
        self.state = BackendState.STOPPED if failed is None else BackendState.FAILED
        self.reason = "not started" if failed is None else failed
        self.restarts = 0
        self._timings, self._clock = timings, clock
        self._owned, self._probed, self._repairable = owned, probed, repairable
        self._final_exits = final_exits
        self._crashes = CrashWindow(limit=timings.crash_limit, window=timings.crash_window, times=crashes)
        self._flaps = FlapDetector()
        self._timers, self._sleep = Timers(clock), SleepDetector(clock)
        self._failures = self._good_in_a_row = self._moves = 0
        self._ending = self._start_after_end = False
        self._after_crash = self._warned = self._stuck = False
        self._patience = 0.0
        self._asked_at = clock.monotonic()
        self._out: list[Outcome] = []

    @property
    def due(self) -> float | None:
        """Monotonic seconds at which a `Tick` is wanted; None when only an event can change anything."""
        return self._timers.next

    @property
    def crashes(self) -> tuple[float, ...]:
        """Times of the crashes inside the window, to be kept for the next supervisor."""
        return self._crashes.times(self._clock.monotonic())

    @property
    def flapping(self) -> bool:
        """Whether alerts about this back end are muted."""
        return self._flaps.flapping

    def handle(self, happening: Happening) -> tuple[Outcome, ...]:
        """Take in one event; return, in order, what to do and what to tell."""
        self._out = []
        if self._sleep.slept():
            self._failures = 0  # what was seen before says nothing about now
        self._dispatch(happening)
        return tuple(self._out)

    def _dispatch(self, happening: Happening) -> None:  # noqa: C901, PLR0912 - one table, a line for each event
        match happening:
            case Start(operator=operator, patience=patience):
                self._patience = patience
                self._on_start(operator=operator)
            case Stop(operator=True):
                self._on_stop("stopped by the operator")
            case Stop():
                self._on_leave()
            case Restart(patience=patience):
                self._patience = patience
                self._on_restart()
            case Reset():
                self._on_reset()
            case KeepWaiting():
                self._on_keep_waiting()
            case ProbeNow():
                if Timer.PROBE in self._timers:
                    self._timers.set(Timer.PROBE, 0)
                    self._ask_if_due()
            case Spawned(adopted=adopted):
                self._on_spawned(adopted=adopted)
            case SpawnFailed(reason=reason, permanent=permanent):
                self._on_spawn_failed(reason, permanent=permanent)
            case PortTaken(reason=reason):
                self._on_port_taken(reason)
            case Exited():
                self._on_exited(happening)
            case Probed(probe=probe):
                self._on_probed(probe)
            case Ended(report=report):
                self._on_ended(report)
            case Repaired(ok=ok, detail=detail):
                self._on_repaired(detail, ok=ok)
            case Tick():
                self._on_tick()
            case _:
                assert_never(happening)

    # --- what an operator wants

    def _on_start(self, *, operator: bool) -> None:
        if self.state is BackendState.FAILED and not operator:
            return
        if operator and self.state not in _LIVING:
            self._crashes.clear()
        if self._ending:
            self._start_after_end = self.state is not BackendState.RESTARTING
        elif self.state not in _LIVING:
            self._begin("started by the operator" if operator else "started")

    def _on_stop(self, reason: str) -> None:
        self._timers.clear()
        self._start_after_end = False
        if self.state is BackendState.STOPPED:
            return
        if self._owned and self.state in _LIVING:
            self._end(Act.END)
        self._become(BackendState.STOPPING if self._ending else BackendState.STOPPED, reason)

    def _on_leave(self) -> None:
        if self.state is BackendState.FAILED:
            self._timers.clear()
            self._start_after_end = False
        else:
            self._on_stop("the supervisor stops")

    def _on_restart(self) -> None:
        self._crashes.clear()
        if self.state in _LIVING and not self._owned:
            self._repair("restarted by the operator")
            return
        if self.state in _LIVING or self._ending:
            self._on_stop("restarted by the operator")
        if self._ending:
            self._start_after_end = True
        else:
            self._begin("restarted by the operator")

    def _on_reset(self) -> None:
        self._crashes.clear()
        self._flaps.clear()
        if self.state is BackendState.FAILED and not self._ending:
            self._timers.clear()
            self._become(BackendState.STOPPED, "reset by the operator")

    def _on_keep_waiting(self) -> None:
        if self._timers.extend(Timer.DEADLINE, self._timings.extension):
            self._warned = False

    # --- starting

    def _begin(self, reason: str) -> None:
        self._timers.clear()
        self._start_after_end = False
        self._failures = self._good_in_a_row = 0
        if self.state is not BackendState.FOREIGN:
            self._become(BackendState.STARTING, reason)
        if self._owned:
            self._out.append(Act.SPAWN)
        else:
            self._watch()

    def _on_spawned(self, *, adopted: bool) -> None:
        if adopted or self.state is BackendState.FOREIGN:
            self._become(
                BackendState.STARTING, "adopted: it was already running" if adopted else "port is free"
            )
        self._watch(adopted=adopted)

    def _watch(self, *, adopted: bool = False) -> None:
        """Wait for readiness; without a health route, being alive is all there is to know."""
        if not self._probed:
            self._timers.set(Timer.SETTLED, 0.0 if adopted else self._timings.settle)
            self._settle_if_due()
            return
        self._warned = False
        self._timers.set(Timer.DEADLINE, self._timings.startup_limit)
        self._ask_in(self._timings.startup_poll if self._owned else 0)

    def _settle_if_due(self) -> None:
        if self._timers.take(Timer.SETTLED):
            self._become_healthy("running; no health route is configured")

    def _on_spawn_failed(self, reason: str, *, permanent: bool) -> None:
        if permanent:
            self._give_up(reason)
        else:
            self._crash(reason, alive=False)

    def _on_port_taken(self, reason: str) -> None:
        self._become(BackendState.FOREIGN, reason)
        self._timers.clear()
        self._timers.set(Timer.BEGIN, self._timings.steady_poll)

    # --- ends

    def _on_exited(self, exited: Exited) -> None:
        if self._ending or self.state not in _LIVING:
            return
        if exited.port_lost and self._moves < _MOST_MOVES:
            self._moves += 1
            self._tell(NoticeKind.MOVED, "another program took the chosen port; choosing again")
            self._begin("the chosen port was taken by another program")
        elif exited.permanent is not None:
            self._give_up(exited.permanent)
        elif exited.report.code in self._final_exits and not exited.report.leftovers:
            self._timers.clear()
            self._become(BackendState.STOPPED, f"ended as it was asked to: {exited.report}")
        elif exited.report.code == EX_CONFIG:
            self._give_up(f"exit code {EX_CONFIG}: the program says its configuration is wrong")
        else:
            self._crash(f"ended unexpectedly: {exited.report}", alive=bool(exited.report.leftovers))

    def _on_ended(self, report: ExitReport) -> None:
        self._ending = False
        self._stuck = bool(report.leftovers)
        if self._stuck:
            self._tell(NoticeKind.LEFTOVERS, f"still running after SIGKILL: {report.leftovers}")
            self._timers.set(Timer.BEGIN, self._timings.steady_poll)
        elif self._start_after_end:
            self._begin("restarted by the operator")
        elif self.state is BackendState.STOPPING:
            self._become(BackendState.STOPPED, f"stopped: {report}")
        elif self.state is BackendState.RESTARTING:
            self._timers.set(Timer.BEGIN, self._timings.restart_delay)

    def _crash(self, reason: str, *, alive: bool) -> None:
        """Count a crash; end what is left, then start again after the delay, or give up at the limit."""
        self._tell(NoticeKind.CRASHED, reason)
        self._after_crash = True
        limit_reached = self._crashes.add(self._now)
        self._timers.clear()
        if alive and self._owned:
            self._end(Act.END_HUNG)
        if limit_reached:
            timings = self._timings
            times = f"{timings.crash_limit} crashes in {timings.crash_window:g} s"
            self._give_up(f"{times}; the last: {reason}")
            return
        self._become(BackendState.RESTARTING, reason)
        if not self._ending:
            self._timers.set(Timer.BEGIN, self._timings.restart_delay)

    def _give_up(self, reason: str) -> None:
        self._timers.clear()
        self._become(BackendState.FAILED, reason)
        self._tell(NoticeKind.GAVE_UP, reason)
        if not self._owned:  # somebody else may mend it: keep looking
            self._good_in_a_row = 0
            self._ask_in(self._timings.steady_poll)

    def _end(self, act: Act) -> None:
        self._timers.clear()
        self._ending = True
        self._out.append(act)

    # --- health

    def _on_probed(self, probe: Probe) -> None:
        if self.state not in _LIVING and not (self.state is BackendState.FAILED and not self._owned):
            return
        good = probe.answer in {Answer.GOOD, Answer.SLOW}
        if self.state is not BackendState.STARTING and probe.answer is not Answer.BUSY:
            self._note_flapping(good=good)
        match self.state:
            case BackendState.STARTING:
                self._judge_start(probe)
            case BackendState.HEALTHY if good or probe.answer is Answer.BUSY:
                self._ask_in(self._timings.steady_poll)
            case _ if good:
                self._count_good(probe)
            case _ if probe.answer is Answer.BUSY:
                self._ask_in(self._patience_between_probes)
            case _:
                self._count_bad(probe)

    def _judge_start(self, probe: Probe) -> None:
        if probe.answer is Answer.GOOD:
            self._become_healthy(probe.detail)
        else:
            self.reason = probe.detail
            self._ask_in(max(0.0, self._asked_at + self._timings.startup_poll - self._now))

    def _count_good(self, probe: Probe) -> None:
        self._good_in_a_row += 1
        if self._good_in_a_row >= self._timings.recovery_probes:
            self._become_healthy(probe.detail)
        else:
            self._ask_in(self._timings.reconnect_poll)

    def _count_bad(self, probe: Probe) -> None:
        self._good_in_a_row = 0
        self._failures += 1
        if self.state is BackendState.FAILED:
            self._ask_in(self._timings.steady_poll)
            return
        self._become(BackendState.UNHEALTHY, probe.detail)
        if self._failures > self._timings.reconnect_tries:
            self._recover(probe.detail)
        else:
            self._ask_in(self._timings.reconnect_poll)

    def _recover(self, detail: str) -> None:
        """All reconnect tries failed: restart what we may restart, keep watching what we may not."""
        if self._owned:
            self._crash(f"no healthy answer in {self._failures} probes: {detail}", alive=True)
        elif self._repairable:
            self._crash_of_unowned(f"no healthy answer in {self._failures} probes: {detail}")
        else:
            self._ask_in(self._timings.steady_poll)

    def _crash_of_unowned(self, reason: str) -> None:
        self._crash(reason, alive=False)
        if self.state is BackendState.RESTARTING:
            self._repair(reason)

    def _repair(self, reason: str) -> None:
        self._timers.clear()
        if not self._repairable:
            self._begin(reason)
            return
        self._become(BackendState.RESTARTING, reason)
        self._out.append(Act.REPAIR)

    def _on_repaired(self, detail: str, *, ok: bool) -> None:
        if self.state is not BackendState.RESTARTING:
            return
        if ok:
            self._begin(f"the restart command ended with {detail}")
        else:
            self._crash(f"the restart command failed: {detail}", alive=False)

    def _become_healthy(self, reason: str) -> None:
        crashed, self._after_crash = self._after_crash, False
        self._failures = self._good_in_a_row = self._moves = 0
        self._patience = 0.0
        self._timers.clear()
        if self._probed:
            self._ask_in(self._timings.steady_poll)
        starting = self.state is BackendState.STARTING
        self._become(BackendState.HEALTHY, reason)
        if crashed and starting:
            self._tell(NoticeKind.RESTARTED, "Backend restarted after crash")

    def _note_flapping(self, *, good: bool) -> None:
        if not self._flaps.add(good=good):
            return
        if self._flaps.flapping:
            self._tell(NoticeKind.FLAPPING, "health changes back and forth; further changes are muted")
        else:
            self._tell(NoticeKind.STEADY_AGAIN, "health is steady again")

    # --- time

    def _on_tick(self) -> None:
        self._ask_if_due()
        self._settle_if_due()
        if self._timers.take(Timer.DEADLINE):
            self._on_deadline()
        if self._timers.take(Timer.BEGIN):
            self._on_begin_due()

    def _on_begin_due(self) -> None:
        if self._stuck:
            self._end(Act.END_HUNG)
        elif self.state is BackendState.RESTARTING and not self._owned:
            self._repair(self.reason)
        elif self.state in {BackendState.RESTARTING, BackendState.FOREIGN}:
            self.restarts += self.state is BackendState.RESTARTING
            self._begin("restarted after a crash")

    def _on_deadline(self) -> None:
        message = "Backend is taking longer than expected to start."
        if not self._warned:
            self._tell(NoticeKind.SLOW_START, message)
            self._warned = True
            patience = max(self._timings.patience, self._patience)
            if patience > 0:
                self._timers.set(Timer.DEADLINE, patience)
                return
        reason = f"not ready in time: {self.reason}"
        if self._owned:
            self._crash(reason, alive=True)
        else:
            self._failures = self._timings.reconnect_tries
            self._count_bad(Probe(answer=Answer.BAD, detail=reason))

    def _ask_if_due(self) -> None:
        # The timer is set again by the answer only, so one probe is in flight at most.
        if self._timers.take(Timer.PROBE):
            self._asked_at = self._now
            self._out.append(Act.PROBE)

    def _ask_in(self, seconds: float) -> None:
        self._timers.set(Timer.PROBE, seconds)

    @property
    def _patience_between_probes(self) -> float:
        failed = self.state is BackendState.FAILED
        return self._timings.steady_poll if failed else self._timings.reconnect_poll

    @property
    def _now(self) -> float:
        return self._clock.monotonic()

    # --- telling

    def _become(self, state: BackendState, reason: str) -> None:
        old, self.state, self.reason = self.state, state, reason
        if old is not state:
            self._out.append(Changed(old=old, new=state, reason=reason, muted=self._flaps.flapping))

    def _tell(self, kind: NoticeKind, message: str) -> None:
        self._out.append(Told(kind=kind, message=message))
