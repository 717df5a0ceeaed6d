"""What is known about a source's connection between two checks; the part of `sources.json` this room owns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import AwareDatetime, Field

from vidra.connections.history import History
from vidra.connections.interface import Candidate, ConnectionClass, ProbeResult, Value


@dataclass(frozen=True, kw_only=True, slots=True)
class Online:
    """The source is reached at this address."""

    uri: str
    quality: ConnectionClass


@dataclass(frozen=True, kw_only=True, slots=True)
class Offline:
    """No address answered; the next look is at `until`."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Unknown:
    """Never checked, or its addresses changed: look now."""


class Standing(Value):
    """Everything the next decision needs; store it after a success *and* after a failure."""

    candidates: tuple[Candidate, ...] = ()
    """In the order the server lists them."""
    primary: str | None = None
    """The address in use; None while nothing answers, so that a stale one can never be handed out."""
    last_primary: str | None = None
    """The address in use now or before everything failed."""
    pinned: str | None = None
    """The address a person chose; it is primary whenever it answers."""
    challenger: str | None = None
    """The address that was clearly faster in the last check."""
    challenger_streak: int = 0
    failures: int = 0
    """Checks in a row in which nothing answered."""
    last_check: AwareDatetime | None = None
    next_check: AwareDatetime | None = None
    results: tuple[ProbeResult, ...] = ()
    """Of the last check."""
    histories: Mapping[str, History] = Field(default_factory=dict)

    def answer(self, now: datetime) -> Online | Offline | Unknown:
        """Return what an operation should do: use the address, give up until then, or look now."""
        quality = self.quality
        if self.primary is not None and quality is not None:
            return Online(uri=self.primary, quality=quality)
        if self.next_check is not None and now < self.next_check:
            return Offline(until=self.next_check)
        return Unknown()

    def due(self, now: datetime) -> bool:
        """Whether the monitor should look at this source now."""
        return self.next_check is None or now >= self.next_check

    @property
    def quality(self) -> ConnectionClass | None:
        """Return the class of the primary, if there is one among the candidates."""
        return self.class_of(self.primary)

    def class_of(self, uri: str | None) -> ConnectionClass | None:
        """Return the class of one of the candidates, or None."""
        return next((c.connection_class for c in self.candidates if c.uri == uri), None)

    def with_candidates(self, discovered: Sequence[Candidate]) -> Standing:
        """Return the standing with newly discovered addresses; what is known of those that stay is kept.

        Addresses that a person added stay. If the primary is not among them all it is forgotten; if
        anything changed the next check is due at once.
        """
        found = {candidate.uri for candidate in discovered}
        added = [c for c in self.candidates if c.manual and c.uri not in found]
        candidates = (*discovered, *added)
        uris = {candidate.uri for candidate in candidates}
        kept = {uri: history for uri, history in self.histories.items() if uri in uris}
        changed: dict[str, object] = {"candidates": candidates, "histories": kept}
        changed["results"] = tuple(result for result in self.results if result.candidate.uri in uris)
        changed["pinned"] = self.pinned if self.pinned in uris else None
        if uris != {candidate.uri for candidate in self.candidates}:
            changed["next_check"] = None
        if self.primary not in uris:
            changed |= {"primary": None, "last_primary": self.primary or self.last_primary}
        return self.model_copy(update=changed)
