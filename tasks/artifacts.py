"""Tables in the Prefect UI that a person wants to look at after a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import httpx
from prefect.artifacts import acreate_table_artifact
from prefect.logging import get_run_logger

from vidra.engine.subscriptions.retention import Clearance
from vidra.media.lists.plan import Decision, Plan
from vidra.state.interface import Entry

MOST_ROWS = 1000
"""Longer tables make the Prefect UI unusable; the job's entries have them all."""


async def publish_downloads(job_id: str, entries: Sequence[Entry]) -> None:
    """Leave a table of what was downloaded, and of what was not and why."""
    await _publish("downloads", f"What job `{job_id}` downloaded", job_id, entries)


async def publish_plan(job_id: str, entries: Sequence[Entry]) -> None:
    """Leave a table of what a run would download."""
    await _publish("plan", f"What job `{job_id}` would download", job_id, entries)


async def _publish(kind: str, description: str, job_id: str, entries: Sequence[Entry]) -> None:
    table = [_row(entry) for entry in entries[:MOST_ROWS]]
    if len(entries) > MOST_ROWS:
        description += f" (the first {MOST_ROWS} of {len(entries)})"
    await leave_table(f"{kind}-{job_id.lower()}", table, description)


async def leave_table(key: str, table: Sequence[Mapping[str, object]], description: str) -> None:
    """Leave a table in the Prefect UI; a server that is away costs the table, never the run's success."""
    try:
        await acreate_table_artifact(table=[dict(row) for row in table], key=key, description=description)
    except httpx.HTTPError as error:
        get_run_logger().warning("no table `%s`: the Prefect server does not take it: %s", key, error)


def _row(entry: Entry) -> dict[str, object]:
    return {
        "#": entry.index,
        "title": entry.title or entry.url,
        "status": entry.status.value,
        "size (bytes)": entry.size or "",
        "duration (s)": round(entry.duration, 1) if entry.duration else "",
        "file": entry.main_file or "",
        "error": entry.error or "",
    }


async def publish_expansion(name: str, plan: Plan) -> None:
    """Leave a table of what a subscription's run downloads, and of what else it decided."""
    counts = ", ".join(f"{count} {decision.value}" for decision, count in plan.counts.items())
    kept = [item for item in plan.items if item.decision is not Decision.ARCHIVED][:MOST_ROWS]
    table: list[dict[str, object]] = [
        {
            "decision": item.decision.value,
            "published": item.entry.upload_date or "",
            "title": item.entry.title or item.entry.url,
            "why": item.reason,
        }
        for item in kept
    ]
    key = f"subscription-{name.replace('_', '-')}"
    await leave_table(key, table, f"What `{name}` plans: {counts}")


async def publish_removals(name: str, done: Clearance) -> None:
    """Leave a table of what retention removed of a subscription, and of what it could not."""
    table: list[dict[str, object]] = [
        {
            "title": removal.title or removal.key,
            "why": removal.reason,
            "files": "\n".join(removal.files),
            "problem": "; ".join(removal.problems),
        }
        for removal in done.removals[:MOST_ROWS]
    ]
    key = f"retention-{name.replace('_', '-')}"
    await leave_table(key, table, f"What retention removed of `{name}`: {len(done.removals)}")
