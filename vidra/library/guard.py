"""Whether what a server no longer lists may be forgotten: rather keep too much than lose a library."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique


@unique
class Judgement(StrEnum):
    """What becomes of items that were not listed."""

    BURY = "bury"
    """Tombstones, counted up by each sync that confirms them; gone after enough of those."""
    KEEP = "keep"
    """Nothing: the answer looks like an accident. A person is told."""
    REMOVE = "remove"
    """Gone at once: a person said so."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeletionRules:
    """When an answer is much smaller than what is known, and how often an absence is confirmed."""

    confirming_syncs: int = 2
    """Syncs after the first one without the item, until it is removed."""
    largest_share: float = 0.25
    """Share of the known items that may be missing at once."""
    always_allowed: int = 10
    """So many may be missing whatever their share, if anything was listed at all."""
    accepted: bool = False
    """A person has looked and agreed."""

    def judge(self, *, known: int, missing: int, complete: bool) -> Judgement:
        """Judge a listing in which `missing` of `known` items were not found.

        An incomplete listing is no evidence, whoever agreed to what.
        """
        if not complete:
            return Judgement.KEEP
        if self.accepted:
            return Judgement.REMOVE
        if missing == known or (missing > self.always_allowed and missing > self.largest_share * known):
            return Judgement.KEEP
        return Judgement.BURY

    def is_over(self, missed: int) -> bool:
        """Whether an item that was missed so many times is to be removed."""
        return missed > self.confirming_syncs
