"""The words of this room: a candidate address, its class, and what a probe found."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import StrEnum, unique

from pydantic import BaseModel, ConfigDict


@unique
class ConnectionClass(StrEnum):
    """How a server is reached, best first."""

    LOCAL = "local"
    REMOTE = "remote"
    RELAY = "relay"

    @property
    def rank(self) -> int:
        """Return 0 for the best class."""
        return _RANKS[self]


_RANKS = {kind: rank for rank, kind in enumerate(ConnectionClass)}


@unique
class ProbeFailure(StrEnum):
    """Why an address does not count."""

    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    """Refused, reset, no route, 5xx: it may work a moment later."""
    REFUSED = "refused"
    """Another server answers there, or its certificate is wrong: a longer wait changes nothing."""
    NOT_ASKED = "not_asked"
    """The race was decided, or the budget spent, before it answered."""


@unique
class ChangeReason(StrEnum):
    """Why the primary connection changed."""

    PRIMARY_FAILED = "primary_failed"
    BETTER_AVAILABLE = "better_available"
    MANUAL = "manual"
    FIRST_SELECTION = "first_selection"


class Value(BaseModel):
    """A frozen value that is stored as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Candidate(Value):
    """One address at which a server says it can be reached; a relay is a relay even if flagged local."""

    uri: str
    local: bool = False
    relay: bool = False
    manual: bool = False
    """Whether a person added it; discovery does not take it away."""

    @property
    def connection_class(self) -> ConnectionClass:
        """Return the class the address competes in."""
        if self.relay:
            return ConnectionClass.RELAY
        return ConnectionClass.LOCAL if self.local else ConnectionClass.REMOTE


class ProbeResult(Value):
    """What one probe of one address found."""

    candidate: Candidate
    response_ms: float | None = None
    """Time to the whole answer; None unless it counts."""
    failure: ProbeFailure | None = None
    detail: str | None = None
    """The failure in words, without secrets."""

    @property
    def available(self) -> bool:
        """Whether the right server answered."""
        return self.failure is None


Prober = Callable[[str, float], Awaitable[object]]
"""Ask the address (base URL) who it is, within that many seconds.

Returns if the expected server answered over sound TLS. Raises `Refused` if somebody else did,
any other `RemoteError` or `TimeoutError` if nobody did. Sends no token. Must be cancellable.
"""
