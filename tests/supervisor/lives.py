"""Lives one back end's life on a clock moved by hand: what the policy asks for is done at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import repeat

from vidra.clock import ManualClock
from vidra.supervisor.happenings import (
    Act,
    Answer,
    Changed,
    Ended,
    Exited,
    Happening,
    Probe,
    Probed,
    Repaired,
    Spawned,
    Start,
    Tick,
    Told,
)
from vidra.supervisor.interface import BackendState, ExitReport, NoticeKind, Timings
from vidra.supervisor.policy import Machine

LETTERS = {
    "S": Answer.GOOD,
    "F": Answer.BAD,
    "B": Answer.BUSY,
    "L": Answer.SLOW,
    "X": Answer.FOREIGN,
}


class SettableClock(ManualClock):
    """A clock whose wall time can be set without the monotonic time moving: by a person, or by a sleep."""

    ahead = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.ahead


class Life:
    """A machine, its clock, and a world that obeys. `answers` is what probes say, in `LETTERS`."""

    def __init__(
        self,
        answers: str = "",
        *,
        timings: Timings | None = None,
        owned: bool = True,
        probed: bool = True,
        repairable: bool = False,
        final_exits: Collection[int] = (),
        crashes: Iterable[float] = (),
        failed: str | None = None,
        obeys: bool = True,
    ) -> None:
        self.clock = SettableClock(datetime(2026, 11, 20, 12, tzinfo=UTC))
        self.clock.advance(1000)
        self.machine = Machine(
            timings or Timings(),
            self.clock,
            owned=owned,
            probed=probed,
            repairable=repairable,
            final_exits=final_exits,
            crashes=crashes,
            failed=failed,
        )
        self.answers: Iterator[str] = iter((*answers, *repeat("S", 10_000)))
        self.obeys = obeys
        self.acts: list[Act] = []
        self.act_times: list[float] = []
        self.changes: list[Changed] = []
        self.notices: list[Told] = []
        self.spawn_result: Happening = Spawned()
        self.repair_result = Repaired(ok=True, detail="done")
        self.end_report = ExitReport(code=0)

    def tell(self, *happenings: Happening) -> None:
        """Feed events, and what obeying the machine leads to."""
        queue = list(happenings)
        while queue:
            for outcome in self.machine.handle(queue.pop(0)):
                match outcome:
                    case Changed():
                        self.changes.append(outcome)
                    case Told():
                        self.notices.append(outcome)
                    case _:
                        self.acts.append(outcome)
                        self.act_times.append(self.now)
                        if self.obeys:
                            # What a spawn reports comes before anything else, as the runner has it.
                            queue.insert(0 if outcome is Act.SPAWN else len(queue), self.obey(outcome))

    def obey(self, act: Act) -> Happening:
        """Return what follows from doing it."""
        match act:
            case Act.SPAWN:
                return self.spawn_result
            case Act.PROBE:
                return self.probed(next(self.answers))
            case Act.REPAIR:
                return self.repair_result
            case _:
                return Ended(report=self.end_report)

    def probed(self, letter: str) -> Probed:
        """Return the event of a probe with this answer."""
        return Probed(probe=Probe(answer=LETTERS[letter], detail=f"answer {letter}", latency=0.01))

    def exit(self, code: int | None = 1, **fields: object) -> None:
        """End the process unasked."""
        self.tell(Exited(report=ExitReport(code=code, **fields)))  # type: ignore[arg-type]  # test shorthand

    def live(self, seconds: float) -> None:
        """Let time pass, with a tick at every moment the machine wants one."""
        end = self.now + seconds
        while (due := self.machine.due) is not None and due <= end:
            self.clock.advance(max(0.0, due - self.now))
            self.tell(Tick())
        self.clock.advance(end - self.now)

    def jump(self, seconds: float) -> None:
        """Move the wall clock only."""
        self.clock.ahead += timedelta(seconds=seconds)

    def start(self, *, operator: bool = True) -> Life:
        """Start and become ready."""
        self.tell(Start(operator=operator))
        self.live(0.5)
        return self

    @property
    def now(self) -> float:
        return self.clock.monotonic()

    def is_(self, state: BackendState) -> bool:
        """Whether it is in this state; a call, so that type checkers do not remember the answer."""
        return self.machine.state is state

    @property
    def state(self) -> BackendState:
        return self.machine.state

    @property
    def states(self) -> list[BackendState]:
        """The states entered so far."""
        return [change.new for change in self.changes]

    def count(self, act: Act) -> int:
        return self.acts.count(act)

    def times(self, act: Act) -> list[float]:
        """When it was asked for, in seconds since the first time."""
        moments = [moment for moment, done in zip(self.act_times, self.acts, strict=True) if done is act]
        return [round(moment - moments[0], 3) for moment in moments]

    def told(self, kind: NoticeKind) -> int:
        return sum(notice.kind is kind for notice in self.notices)
