"""Files that jobs must leave alone: what was there before, and what they have finished."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from tests.flows.workshop import Workshop
from vidra.engine.jobs.commands import JobCommands
from vidra.settings import load_settings
from vidra.state.interface import JobStatus

pytestmark = pytest.mark.slow


class Nobody:
    """An engine that never gets to work, so that the test can."""

    async def trigger(self, flow: str, parameters: Mapping[str, Any], *, idempotency_key: str) -> str:
        """Return a run that nobody begins."""
        return f"{flow} {parameters['request']['job_id']} {idempotency_key}"

    async def cancel(self, run_id: str) -> None:
        """Do nothing."""


def _tell(workshop: Workshop, command: str, job_id: str) -> None:
    with workshop.state() as state:
        commands = JobCommands(state, Nobody(), settings=load_settings())
        asyncio.run(getattr(commands, command)(job_id))


@pytest.mark.parametrize("last", ["cancel", "remove"])
def test_what_was_there_and_what_is_finished_stays(workshop: Workshop, last: str) -> None:
    """Not overwritten, not fetched again by a retry, not deleted with the job, as the former server did."""
    library = workshop.root / "library"
    library.mkdir(parents=True)
    mine = library / "Test clip 1 [vid001].mp4"
    mine.write_bytes(b"mine")
    job, _ = workshop.download(workshop.site.url(f"/f/tag{workshop.tag}/v/vid001.html"))
    (made,) = [library / name for name in workshop.shelf() if library / name != mine]
    before = (made.stat().st_ino, made.stat().st_mtime_ns, made.read_bytes())

    _tell(workshop, "retry", job.job_id)
    if last == "remove":
        workshop.run(workshop.job(job.job_id))
        assert workshop.job(job.job_id).status is JobStatus.COMPLETED
    _tell(workshop, last, job.job_id)

    assert mine.read_bytes() == b"mine"
    assert (made.stat().st_ino, made.stat().st_mtime_ns, made.read_bytes()) == before
    assert len(workshop.shelf()) == 2
