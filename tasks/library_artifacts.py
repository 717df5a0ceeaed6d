"""The table of a library sync that a person wants to look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tasks.artifacts import leave_table

if TYPE_CHECKING:
    from tasks.library_work import Outcome

ARTIFACT = "library-sync"


async def publish_sync(outcomes: Sequence[Outcome], *, dry_run: bool) -> None:
    """Leave a table with a row for each source; for a dry run with one for each item it names."""
    if dry_run:
        rows: list[dict[str, object]] = [
            {"source": outcome.source, "change": change, "item": title}
            for outcome in outcomes
            for change, titles in outcome.sample.items()
            for title in titles
        ]
        rows = rows or [{"source": outcome.source, "change": "none", "item": ""} for outcome in outcomes]
        await leave_table(f"{ARTIFACT}-plan", rows, "What a sync would do")
        return
    rows = [outcome.row() for outcome in outcomes]
    await leave_table(ARTIFACT, rows, "How the libraries were synced")
