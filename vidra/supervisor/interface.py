"""What the supervisor promises: how a back end is declared, what it can be, and what is told about it.

Durations are seconds. Defaults are the specification's (media-servers.md part C); all can be set.
"""

from __future__ import annotations

import hashlib
import re
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum, unique
from pathlib import Path
from typing import Final, TypeAlias

from vidra.supervisor.identity import Identity

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

INSTANCE_VARIABLE: Final = "VIDRA_BACKEND_INSTANCE"
"""Environment variable with the instance id of this start; a back end that knows us echoes it."""
INSTANCE_HEADER: Final = "X-Vidra-Instance"
"""Response header of the health route in which the instance id is echoed (or JSON key `instance`)."""
TOKEN_VARIABLE: Final = "VIDRA_BACKEND_TOKEN"  # noqa: S105 - the variable's name, not a token
"""Environment variable with the secret of this start; the shutdown route should demand it."""
TOKEN_HEADER: Final = "X-Vidra-Backend-Token"  # noqa: S105 - the header's name, not a token
"""Request header in which the supervisor sends that secret to the shutdown route."""
FD_VARIABLE: Final = "VIDRA_BACKEND_FD"
"""Environment variable with the number of the listening descriptor, if one is handed over."""


@unique
class BackendState(StrEnum):
    """Where a back end stands."""

    STOPPED = "stopped"
    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    RESTARTING = "restarting"
    STOPPING = "stopping"
    FAILED = "failed"
    FOREIGN = "foreign"
    """A stranger answers on our port; it is never killed, and we start once it has gone."""


@unique
class PortHandover(StrEnum):
    """How the gap between choosing a port and the back end listening on it is closed."""

    HOLD = "hold"
    """We stay bound, without listening, as long as the back end is ours; it binds with SO_REUSEADDR
    (uvicorn, Node, Go, Java and nginx do). Linux only; elsewhere this acts like RELEASE."""
    DESCRIPTOR = "descriptor"
    """We listen and pass the descriptor: `{fd}` in the command, and `VIDRA_BACKEND_FD`."""
    RELEASE = "release"
    """We let go just before the start; a port lost in that moment is noticed and re-chosen."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PortSpec:
    """Which port a back end gets. `fixed=None` scans `first`..`last`, in order, both included."""

    fixed: int | None = None
    first: int = 8000
    last: int = 9000
    host: str = "127.0.0.1"
    argument: tuple[str, ...] = ("--port", "{port}")
    """Appended to the command unless the command itself contains `{port}` or `{fd}`; may be empty."""
    variable: str | None = None
    """Environment variable that gets the port, if any."""
    handover: PortHandover = PortHandover.HOLD


@dataclass(frozen=True, kw_only=True, slots=True)
class HealthSpec:
    """How to ask whether a back end is well. Without one, a living process counts as healthy."""

    url: str = "/health"
    """A path below the back end's own URL, or a full http(s) URL for services we do not own."""
    timeout: float = 2.0
    """Total limit of one probe, from connecting to the last byte."""
    slow_after: float = 1.0
    """A good answer later than this does not make a starting back end ready."""
    require_instance: bool = False
    """Demand our instance id in the answer. A wrong id is always refused, a missing one only then."""
    expect: Mapping[str, str] = field(default_factory=dict)
    """Top-level fields the JSON answer must have, such as `{"service": "Vidra"}`."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Request headers; what they refer to is revealed for each probe."""


Reveal: TypeAlias = Callable[[str], str]
"""Returns the text with its references to secrets filled in. Raises `BackendNotStarted`; must not block."""


def unchanged(text: str) -> str:
    """Reveal nothing, because nothing is hidden."""
    return text


@dataclass(frozen=True, kw_only=True, slots=True)
class Timings:
    """Every constant of the life cycle."""

    startup_poll: float = 0.5
    startup_limit: float = 30.0
    """Not ready by then counts as a crash."""
    settle: float = 0.0
    """How long a back end without a health route must have lived to count as healthy."""
    extension: float = 30.0
    """What `keep_waiting` adds to the start-up limit."""
    patience: float = 0.0
    """How long past the limit a person may still say `keep_waiting` before the start is given up."""
    steady_poll: float = 30.0
    reconnect_tries: int = 3
    """Further probes after a failed one before the back end is restarted."""
    reconnect_poll: float = 2.0
    recovery_probes: int = 2
    """Good probes in a row that end unhealthiness and reset the failure count."""
    restart_delay: float = 2.0
    crash_limit: int = 3
    """The crash that reaches this number inside the window is the last: no further start."""
    crash_window: float = 300.0
    shutdown_grace: float = 5.0
    """From the request to leave until SIGTERM."""
    leader_grace: float = 0.0
    """How long SIGTERM is for the process itself alone, which ends in order what it started."""
    term_grace: float = 2.0
    """From SIGTERM until SIGKILL to everything the back end started."""
    kill_grace: float = 5.0
    """How long killed processes may take to disappear before the stop is reported as incomplete."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BackendSpec:
    """One declared back end. Without `command` it is a service we watch but do not own."""

    name: str
    command: tuple[str, ...] | None = None
    """Program and arguments, never a shell line. `{port}`, `{host}`, `{fd}` are filled in."""
    cwd: Path | None = None
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Added to the environment; `{port}` and `{host}` are filled in, and what it refers to is revealed."""
    reveal: Reveal = field(default=unchanged, repr=False, compare=False)
    """Puts secrets into the values of `env` and of health headers, as late as possible."""
    isolated: bool = True
    """Do not inherit our virtual environment, PYTHON* variables, user site, settings and secrets
    (`VIDRA_*`, `PREFECT_*`). Vidra's own parts are declared with False."""
    port: PortSpec | None = None
    health: HealthSpec | None = None
    shutdown_path: str | None = None
    """Route below the back end's URL that is POSTed to for a graceful stop."""
    restart_command: tuple[str, ...] | None = None
    """For services we do not own: what to run when one does not answer, such as a systemd unit."""
    restart_timeout: float = 60.0
    """Limit of one run of the restart command."""
    final_exits: frozenset[int] = frozenset()
    """Exit codes that mean "I was asked to leave": no crash, and no further start by ourselves."""
    autostart: bool = True
    """Whether our own start starts it; otherwise it waits for an operator."""
    forgiven_at_start: bool = False
    """Our own start forgets earlier crashes and failure; for parts that a person starts by starting us."""
    ends_with_supervisor: bool = False
    """The process dies with us (Linux). Otherwise it lives on and our next start adopts it."""
    log_file: Path | None = None
    """Default: `<logs>/<name>.log`."""
    timings: Timings = field(default_factory=Timings)

    def __post_init__(self) -> None:
        """Raise `ValueError` for what could never work; the message names the back end and the field."""
        for wrong in self._mistakes():
            message = f"back end {self.name!r}: {wrong}"
            raise ValueError(message)

    def _mistakes(self) -> Iterator[str]:
        if not _NAME.fullmatch(self.name):
            yield "`name` may have letters, digits, `.`, `_` and `-` only, 64 at most"
        if self.command is not None and not self.command:
            yield "`command` needs at least a program"
        if self.command is None and self.health is None:
            yield "without `command` it needs a health URL to be watched by"
        health = None if self.health is None else self.health.url
        for field_name, route in (("health", health), ("shutdown_path", self.shutdown_path)):
            if route is None or (field_name == "health" and route.startswith(("http://", "https://"))):
                continue
            if not route.startswith("/"):
                yield f"`{field_name}` must begin with `/`, got {route!r}"
            elif self.port is None:
                yield f"`{field_name}` {route!r} lies below a port, but `port` is not declared"

    @property
    def owned(self) -> bool:
        """Whether we start and stop the process ourselves."""
        return self.command is not None

    @property
    def digest(self) -> str:
        """A fingerprint of what the process is started from; a change of it clears `failed`."""
        facts = (self.command, self.cwd, sorted(self.env.items()), self.isolated, self.port, self.health)
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]


@unique
class EndedBy(StrEnum):
    """What made a process end."""

    ITSELF = "itself"
    SHUTDOWN_ROUTE = "shutdown route"
    TERM = "SIGTERM"
    KILL = "SIGKILL"
    ALREADY_GONE = "already gone"


@dataclass(frozen=True, kw_only=True, slots=True)
class ExitReport:
    """The truth about an end. `code` and `signal` are both None when nobody could tell us."""

    code: int | None = None
    signal: int | None = None
    ended_by: EndedBy = EndedBy.ITSELF
    seconds: float = 0.0
    """From the first request to leave until the last process was gone; 0 for an unasked exit."""
    leftovers: tuple[int, ...] = ()
    """Processes that even SIGKILL did not end in time. Not empty means: not stopped."""
    tail: tuple[str, ...] = ()
    """The last lines the back end wrote."""

    def __str__(self) -> str:
        """Return a clause such as `exit code 3` or `killed by SIGSEGV`."""
        if self.signal is not None:
            return f"killed by {_signal_name(self.signal)}"
        if self.code is not None:
            return f"exit code {self.code}"
        return "ended, exit code unknown because another process was its parent"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # real-time signals have no name
        return f"signal {number}"


@unique
class Remedy(StrEnum):
    """What a person can be offered when something goes wrong; texts as the specification fixes them."""

    RETRY = "Retry"
    QUIT_OTHERS = "Quit other applications"
    DOWNLOAD_INSTALLER = "Download Installer"
    VIEW_FULL_LOGS = "View Full Logs"
    VIEW_LOGS = "View Logs"
    KEEP_WAITING = "Keep Waiting"
    RESTART = "Restart"


@unique
class NoticeKind(StrEnum):
    """Things worth telling that are not a change of state."""

    SLOW_START = "slow_start"
    CRASHED = "crashed"
    RESTARTED = "restarted"
    GAVE_UP = "gave_up"
    FLAPPING = "flapping"
    STEADY_AGAIN = "steady_again"
    NOT_SAVED = "not_saved"
    LEFTOVERS = "leftovers"
    MOVED = "moved"


@dataclass(frozen=True, kw_only=True, slots=True)
class StatusChange:
    """A back end went from one state to another (`backend-status` for clients)."""

    name: str
    old: BackendState
    new: BackendState
    reason: str
    text: str
    """What a client shows: "Starting backend...", "Ready", "Reconnecting..." and so on."""
    at: datetime
    pid: int | None = None
    url: str | None = None
    muted: bool = False
    """The back end is flapping: record it, but do not bother a person."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """Something a person may want to know, with evidence and what can be done about it."""

    name: str
    kind: NoticeKind
    message: str
    at: datetime
    remedies: tuple[Remedy, ...] = ()
    evidence: tuple[str, ...] = ()
    """Lines: scan results, folder listing, the end of the log."""
    trace: tuple[str, ...] = ()
    """A stack trace; show it in debug mode only."""


BackendEvent: TypeAlias = StatusChange | Notice
Subscriber: TypeAlias = Callable[[BackendEvent], None]
"""Called in the supervisor's event loop; it must not block."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BackendStatus:
    """A back end at this moment."""

    name: str
    state: BackendState
    reason: str
    since: datetime
    owned: bool
    pid: int | None
    url: str | None
    port: int | None
    instance: str | None
    crashes: int
    """Crashes inside the window."""
    restarts: int
    """Starts after a crash since we supervise it."""
    flapping: bool
    latency: float | None
    """Seconds the latest good probe took."""
    last_exit: ExitReport | None
    log_file: Path | None


@dataclass(frozen=True, kw_only=True, slots=True)
class BackendRecord:
    """What must outlive the supervisor, so that its next start neither doubles nor loses a back end."""

    name: str
    digest: str
    boot: str
    """Boot id; a record of another boot tells of processes and crashes that are gone."""
    instance: str | None = None
    """Written before the process is started: between start and `process` it can be found by this."""
    token: str | None = field(default=None, repr=False)
    process: Identity | None = None
    port: int | None = None
    crashes: tuple[float, ...] = ()
    """Monotonic seconds since boot."""
    failed: str | None = None
    """Why we gave up, if we did."""
    stopped: bool = False
    """An operator stopped it: do not start it by yourself."""
