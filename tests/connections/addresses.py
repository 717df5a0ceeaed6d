"""Made-up servers: each address answers after a while, fails after a while, or never answers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from vidra.connections import Candidate, ConnectionClass, ProbeFailure, ProbeResult
from vidra.errors import Refused, TryLater

LOCAL = Candidate(uri="https://local", local=True)
REMOTE = Candidate(uri="https://remote")
RELAY = Candidate(uri="https://relay", relay=True)


def candidate(kind: ConnectionClass, name: str) -> Candidate:
    """Return an address of that class."""
    return Candidate(
        uri=f"https://{name}", local=kind is ConnectionClass.LOCAL, relay=kind is ConnectionClass.RELAY
    )


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Seconds until something happens; None is for ever. `error` says what happens instead of an answer."""

    after: float | None
    error: type[TryLater | Refused] | None = None


@dataclass
class Network:
    """A prober over made-up addresses that records what it was asked, and when."""

    answers: Mapping[str, Answer]
    asked: list[tuple[float, str]] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    open: int = 0
    most_open: int = 0

    async def probe(self, uri: str, limit: float) -> None:
        """Behave as the address is said to."""
        assert limit > 0
        answer = self.answers[uri]
        self.asked.append((asyncio.get_running_loop().time(), uri))
        self.open += 1
        self.most_open = max(self.open, self.most_open)
        try:
            await asyncio.sleep(1e6 if answer.after is None else answer.after)
        except asyncio.CancelledError:
            self.cancelled.append(uri)
            raise
        finally:
            self.open -= 1
        if answer.error is not None:
            raise answer.error("made up")


def up(where: Candidate, milliseconds: float) -> ProbeResult:
    """Return the result of a probe that counted."""
    return ProbeResult(candidate=where, response_ms=milliseconds)


def down(where: Candidate, failure: ProbeFailure = ProbeFailure.TIMEOUT) -> ProbeResult:
    """Return the result of a probe that did not."""
    return ProbeResult(candidate=where, failure=failure)
