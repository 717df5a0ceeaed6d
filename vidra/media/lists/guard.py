"""Refuses a plan that would fetch everything again: the archive was lost, or a wrong folder is mounted."""

from __future__ import annotations

from typing import Final

from vidra.media.lists.plan import Plan

FEWEST: Final = 5
"""A subscription that had fewer items is never guarded: fetching them again is no harm."""
SHARE_LOST: Final = 0.5
"""At least so much of what was held must have vanished from the archive."""
SHARE_PLANNED: Final = 0.8
"""And at least so much of what was held must be planned for download."""


def suspicion(plan: Plan, *, held_before: int) -> str | None:
    """Return why the plan should not be carried out without a person's word; None for an ordinary one.

    `held_before` is how many of the lists' items the archive had after the latest good run.
    """
    planned, held = plan.fresh, plan.held
    if held_before < FEWEST or held > held_before * (1 - SHARE_LOST):
        return None
    if planned < held_before * SHARE_PLANNED:
        return None
    return (
        f"an earlier run had {held_before} items of these lists in the archive, now it has {held}, and "
        f"{planned} would be downloaded again: is the right data folder in place?"
    )
