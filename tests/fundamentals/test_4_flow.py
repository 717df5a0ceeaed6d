"""Fourth idea: a flow puts it together. The job's record says what came of it, whoever started the run."""

from __future__ import annotations

import pytest

from tests.flows.workshop import Workshop
from vidra.engine.interface import RunStatus
from vidra.state.interface import EntryStatus, JobStatus


@pytest.mark.slow
def test_a_flow_turns_an_address_into_files_and_a_record(workshop: Workshop) -> None:
    """One entry of four is broken: the others arrive, and the record says which one did not and why."""
    job = workshop.submit(workshop.site.url("/odd/feed-one-bad.rss"))

    outcome = workshop.run(job)

    done = workshop.job(job.job_id)
    failed = [entry for entry in workshop.entries(done) if entry.status is EntryStatus.FAILED]
    assert outcome.status is RunStatus.COMPLETED
    assert done.status is JobStatus.COMPLETED_WITH_ERRORS
    assert len(workshop.shelf()) == 3
    assert "404" in str(failed[0].error)
