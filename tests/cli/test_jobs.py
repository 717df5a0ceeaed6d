from __future__ import annotations

import io
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Vidra
from tests.cli.records import a_job, active, at, done, failed
from vidra.cli.job_lookup import find_job, forget_job
from vidra.errors import JobConflict, JobNotFound, UsageError
from vidra.state import State, memory_state, open_state
from vidra.state.interface import JobStatus, LogLine


@pytest.fixture
def state(home: Path) -> Iterator[State]:
    """Fill the state that `vidra` finds: a finished list, a running job and a secret address."""
    with open_state(home / "data") as state:
        over = JobStatus.COMPLETED_WITH_ERRORS
        state.jobs.add(a_job("aaa-1", status=over, metadata={"title": "A channel"}, total_items=2))
        state.jobs.set_progress("aaa-1", at(100.0, completed_items=1, total_items=2))
        state.entries("aaa-1").put([done(1), failed(2)])
        state.options.save("aaa-1", {"write_subs": True})
        state.jobs.add(a_job("aaa-2", status=JobStatus.RUNNING, creator="anna"))
        state.jobs.set_progress("aaa-2", at(45.0))
        state.entries("aaa-2").put([active(1, 45.0)])
        state.jobs.add(a_job("bbb-1", urls=("https://u:pw123@site.test/",), status=JobStatus.FAILED))
        yield state


@pytest.mark.usefixtures("state")
def test_jobs_are_listed_oldest_first_with_status_and_progress(vidra: Vidra) -> None:
    """One line each, in columns."""
    assert vidra("job", "ls").lines == [
        "JOB    STATUS                 DONE  CREATED               TITLE",
        "aaa-1  completed_with_errors  1/2   2026-11-20 20:21:59Z  A channel",
        "aaa-2  running                45 %  2026-11-20 20:21:59Z  http://site.test/list",
        "bbb-1  failed                       2026-11-20 20:21:59Z  https://***@site.test/",
    ]


@pytest.mark.usefixtures("state")
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--status", "running"], ["aaa-2"]),
        (["--status", "running", "--status", "failed"], ["aaa-2", "bbb-1"]),
        (["--owner", "anna"], ["aaa-2"]),
        (["--owner", "nobody"], []),
    ],
)
def test_jobs_are_filtered_by_status_and_owner(
    vidra: Vidra, arguments: list[str], expected: list[str]
) -> None:
    """Several statuses add up."""
    found = json.loads(vidra("job", "ls", *arguments, "--json").out)
    assert [job["job_id"] for job in found] == expected


@pytest.mark.usefixtures("state")
def test_an_unknown_status_is_refused_with_those_there_are(vidra: Vidra) -> None:
    """Exit code 2."""
    said = vidra("job", "ls", "--status", "walking")
    assert said.code == 2
    assert "completed_with_errors" in said.err


@pytest.mark.usefixtures("state")
def test_a_job_is_shown_with_its_files_and_failures(vidra: Vidra) -> None:
    """The page answers: what, how far, where is it, what went wrong."""
    assert vidra("job", "show", "aaa-1").lines == [
        "job        aaa-1",
        "title      A channel",
        "status     completed_with_errors",
        "now        downloading 100 % (100.0 MiB of 100.0 MiB)",
        "created    2026-11-20 20:21:59Z",
        "attempts   1",
        "entries    1 completed, 1 failed",
        "url        http://site.test/list",
        "option     write_subs = True",
        "file       /media/1.mp4",
        "failed     [2/2] Title 2: failed: HTTP 410",
    ]


@pytest.mark.usefixtures("state")
def test_a_job_as_json_has_its_progress_entries_and_options(vidra: Vidra) -> None:
    """Credentials of addresses are not in it."""
    page = json.loads(vidra("job", "show", "aaa-1", "--json").out)
    assert page["progress"]["percent"] == 100.0
    assert [entry["status"] for entry in page["entries"]] == ["completed", "failed"]
    assert page["options"] == {"write_subs": True}
    assert "pw123" not in vidra("job", "show", "bbb-1", "--json").out


@pytest.mark.usefixtures("state")
def test_the_beginning_of_an_id_is_enough_when_only_one_job_has_it(vidra: Vidra) -> None:
    """Otherwise the candidates are named."""
    assert vidra("job", "show", "b").lines[0] == "job        bbb-1"
    said = vidra("job", "show", "aaa")
    assert said.code == 2
    assert said.err == "vidra: error: job `aaa` could be `aaa-1`, `aaa-2`; type more of the id\n"


@pytest.mark.usefixtures("state")
def test_a_job_that_is_not_there_is_said_so(vidra: Vidra) -> None:
    """With the command that lists them."""
    said = vidra("job", "logs", "zzz")
    assert (said.code, said.out) == (1, "")
    assert "no job `zzz`; `vidra job ls` lists those there are" in said.err


def a_line(message: str, level: str = "info") -> LogLine:
    """Return a log line."""
    return LogLine(timestamp=f"2026-11-20T20:22:0{len(message) % 10}.000000Z", level=level, message=message)


def test_the_latest_log_lines_are_printed(vidra: Vidra, state: State) -> None:
    """Escapes in them are not obeyed."""
    state.logs.append("aaa-1", [a_line("one"), a_line("three\x1b[2J", "error")])
    assert vidra("job", "logs", "aaa-1").lines == [
        "2026-11-20 20:22:03Z info    one",
        "2026-11-20 20:22:09Z error   three",
    ]
    assert len(vidra("job", "logs", "aaa-1", "-n", "1").lines) == 1
    (event,) = [json.loads(line) for line in vidra("job", "logs", "aaa-1", "-n", "1", "--json").lines]
    assert (event["level"], event["message"]) == ("error", "three\x1b[2J")


def test_following_ends_with_the_job_and_misses_nothing(vidra: Vidra, state: State) -> None:
    """Lines that come later are printed, those from before once."""
    state.logs.append("aaa-2", [a_line("before")])

    def work() -> None:
        for number in range(30):
            state.logs.append("aaa-2", [a_line(f"later {number}")])
        state.jobs.update("aaa-2", status=JobStatus.COMPLETED)

    worker = threading.Thread(target=work)
    worker.start()
    said = vidra("job", "logs", "aaa-2", "--follow", "--json")
    worker.join()
    messages = [json.loads(line)["message"] for line in said.lines]
    assert messages == ["before", *(f"later {number}" for number in range(30))]


@pytest.mark.usefixtures("state")
def test_following_a_job_that_is_over_prints_its_log_and_ends(vidra: Vidra) -> None:
    """Nothing more will come."""
    assert vidra("job", "logs", "aaa-1", "-f").code == 0


def test_forgetting_a_job_leaves_its_files_alone(vidra: Vidra, state: State, home: Path) -> None:
    """Only what Vidra remembers goes."""
    media = home / "talk.mp4"
    media.write_bytes(b"media")
    state.jobs.update("aaa-1", main_file=str(media), generated_files=(str(media),))
    assert vidra("job", "rm", "aaa-1", "bbb-1", "--yes").lines == [
        "forgot job aaa-1; its files stay",
        "forgot job bbb-1; its files stay",
    ]
    assert media.read_bytes() == b"media"
    assert [job.job_id for job in state.jobs.list()] == ["aaa-2"]


def test_a_running_job_is_not_forgotten(vidra: Vidra, state: State) -> None:
    """It would come back half-made."""
    said = vidra("job", "rm", "aaa-2", "--yes")
    assert (said.code, said.err) == (1, "vidra: error: job `aaa-2` is running: cannot forget it\n")
    assert len(state.jobs.list()) == 3


@pytest.mark.usefixtures("state")
def test_without_a_person_to_ask_yes_has_to_be_said(vidra: Vidra) -> None:
    """A script never waits for an answer."""
    said = vidra("job", "rm", "aaa-1")
    assert said.code == 2
    assert "--yes" in said.err


class Person(io.StringIO):
    """Somebody at the keyboard."""

    def isatty(self) -> bool:
        """Say that it is a keyboard."""
        return True


@pytest.mark.parametrize(("answer", "code", "left"), [("y\n", 0, 2), ("n\n", 1, 3), ("\n", 1, 3)])
def test_a_person_is_asked_first(
    vidra: Vidra, state: State, monkeypatch: pytest.MonkeyPatch, answer: str, code: int, left: int
) -> None:
    """No answer means no."""
    monkeypatch.setattr(sys, "stdin", Person(answer))
    assert vidra("job", "rm", "aaa-1").code == code
    assert len(state.jobs.list()) == left


def test_force_forgets_an_unfinished_job_only_while_nothing_works_on_it() -> None:
    """The lock is the proof, not the status: that one may be left over from a crash."""
    state = memory_state()
    state.jobs.add(a_job(status=JobStatus.RUNNING))
    with pytest.raises(JobConflict):
        forget_job(state, "job-1")
    forget_job(state, "job-1", force=True)
    assert state.jobs.list() == []


def test_a_job_under_way_is_not_forgotten_even_by_force(vidra: Vidra, state: State) -> None:
    """Whoever works on it is named."""
    with state.job_lock("aaa-2", purpose="download"):
        said = vidra("job", "rm", "aaa-2", "--yes", "--force")
    assert said.code == 1
    assert "download" in said.err
    assert len(state.jobs.list()) == 3


def test_an_id_that_is_the_beginning_of_another_is_found_exactly() -> None:
    """An exact match is never ambiguous; nothing at all never matches."""
    state = memory_state()
    state.jobs.add(a_job("a1"))
    state.jobs.add(a_job("a12"))
    assert find_job(state, "a1").job_id == "a1"
    with pytest.raises(UsageError, match="`a1`, `a12`"):
        find_job(state, "a")
    with pytest.raises(JobNotFound):
        find_job(state, "")
