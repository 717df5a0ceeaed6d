"""A file's number says little: file systems give that of a deleted file to the next one."""

from __future__ import annotations

import os
from pathlib import Path

from vidra.state import open_state
from vidra.state.interface import Job
from vidra.state.upkeep import compact_all


def test_a_journal_with_the_number_of_a_deleted_one_is_not_read_on(tmp_path: Path) -> None:
    """Two generations later the follower is told that it missed something, whatever the number is."""
    journal, old = tmp_path / "download_state.journal", tmp_path / "kept"
    with open_state(tmp_path) as state:
        state.jobs.add(Job(job_id="job1", urls=("http://127.0.0.1/x",), created_at="2026-11-20T20:21:59Z"))
        feed = state.feed()
        place = feed.now()
        os.link(journal, old)
        for number in range(2):
            state.jobs.update("job1", error=str(number))
            list(compact_all(tmp_path))
        for number in range(20):
            state.jobs.update("job1", error=f"{number} long enough to reach beyond the old end")
        old.write_bytes(journal.read_bytes())
        old.replace(journal)
        assert feed.since(place).reset
