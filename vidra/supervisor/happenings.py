"""What happens to a back end, what to do about it, and what to tell: the policy's in and out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import TypeAlias

from vidra.supervisor.interface import BackendState, ExitReport, NoticeKind


@unique
class Answer(StrEnum):
    """What a probe means."""

    GOOD = "good"
    SLOW = "slow"
    """Good, but too late to call a starting back end ready."""
    BUSY = "busy"
    """429: alive and rate-limiting. Neither good nor bad."""
    BAD = "bad"
    FOREIGN = "foreign"
    """Somebody answers, but not the one we started."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Probe:
    """The result of asking once."""

    answer: Answer
    detail: str
    latency: float | None = None
    """Seconds, if there was an answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """Start it. Only an operator's start clears `failed` and the crash count."""

    operator: bool = True
    patience: float = 0.0
    """Seconds past the start-up limit in which somebody is there to say `KeepWaiting`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stop:
    """Stop it. Without an operator, because we leave ourselves, `failed` stays `failed`."""

    operator: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Restart:
    """An operator wants it restarted. Not a crash."""

    patience: float = 0.0
    """As for `Start`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reset:
    """Forget crashes; a failed back end becomes a stopped one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KeepWaiting:
    """Give a slow start more time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeNow:
    """Ask at once instead of at the next interval."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Spawned:
    """The process runs; `adopted` if it already did before we came."""

    adopted: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class SpawnFailed:
    """There is no process. `permanent`: trying again is useless until somebody mends something."""

    reason: str
    permanent: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class PortTaken:
    """A stranger listens on the fixed port."""

    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Exited:
    """The process ended and nobody asked it to."""

    report: ExitReport
    permanent: str | None = None
    """Why another try is useless, if it is."""
    port_lost: bool = False
    """It ended while starting, and somebody else listens on the port we had chosen for it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Probed:
    """A probe returned."""

    probe: Probe


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """The stop sequence we asked for is over."""

    report: ExitReport


@dataclass(frozen=True, kw_only=True, slots=True)
class Repaired:
    """The restart command of a service we do not own returned."""

    ok: bool
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Tick:
    """A moment named by `Machine.due` has come."""


Happening: TypeAlias = (
    Start
    | Stop
    | Restart
    | Reset
    | KeepWaiting
    | ProbeNow
    | Spawned
    | SpawnFailed
    | PortTaken
    | Exited
    | Probed
    | Ended
    | Repaired
    | Tick
)


@unique
class Act(StrEnum):
    """What the runner has to do."""

    SPAWN = "spawn"
    """Answered by Spawned, SpawnFailed or PortTaken before anything else happens."""
    PROBE = "probe"
    """Answered by Probed."""
    END = "end"
    """The whole polite sequence; answered by Ended."""
    END_HUNG = "end_hung"
    """Without the shutdown route, which a hung process would not hear; answered by Ended."""
    REPAIR = "repair"
    """Run the restart command; answered by Repaired."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Changed:
    """The state changed."""

    old: BackendState
    new: BackendState
    reason: str
    muted: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """Something to tell a person."""

    kind: NoticeKind
    message: str


Outcome: TypeAlias = Act | Changed | Told
