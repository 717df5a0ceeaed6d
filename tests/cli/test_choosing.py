"""Choosing from a list: beforehand, when it is shown, or later; without an engine."""

from __future__ import annotations

import json

import pytest

from tests.cli.shell import Shell
from tests.cli.terminal import Terminal

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def titles(shell: Shell) -> list[str]:
    """Return what arrived, by the numbers in the names; the feed begins with its newest, clip 4."""
    return [name.removeprefix("Test clip ")[0] for name in shell.shelf()]


@pytest.mark.long
def test_places_chosen_beforehand_are_all_that_is_downloaded(shell: Shell) -> None:
    """A range may be wider than the list; the job says what was chosen."""
    done = shell.download("/feed.rss", "--select", "1, 3-9")
    assert done.returncode == 0, done.stderr
    assert titles(shell) == ["1", "2", "4"]
    (job,) = shell.jobs()
    assert json.loads(shell.run("job", "show", job["job_id"], "--json").stdout)["selection"] == "1,3-9"


@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        (["--select", "three"], 2, "expected places such as `1-3,5`"),
        (["--select", "1", "--ask"], 2, "exclude each other"),
        (["--ask", "--detach"], 1, "needs a running engine"),
    ],
)
def test_places_that_are_none_are_refused(shell: Shell, flags: list[str], code: int, said: str) -> None:
    """No job is stored, and the error says what would be accepted."""
    done = shell.download("/feed.rss", *flags)
    assert (done.returncode, said in done.stderr) == (code, True)
    assert shell.jobs() == []


def test_a_list_waits_for_a_choice_that_comes_later(shell: Shell) -> None:
    """No terminal: the command ends and says how to choose. Asking again changes nothing; choosing begins."""
    asked, again = (shell.download("/feed.rss", "--ask") for _ in range(2))
    (job,) = shell.jobs()
    assert (asked.returncode, again.returncode, shell.shelf()) == (0, 0, [])
    assert f"vidra job select {job['job_id']} 1-3,7" in asked.stderr
    assert asked.stderr.splitlines()[-1] == again.stderr.splitlines()[-1]
    assert "Test clip 3" in shell.run("job", "show", job["job_id"]).stdout
    wrong = shell.run("job", "select", job["job_id"], "7")
    chosen = shell.run("job", "select", job["job_id"], "2,4", "--json")

    assert (wrong.returncode, "expected 1 to 4" in wrong.stderr) == (2, True)
    assert chosen.returncode == 0, chosen.stderr
    summary = json.loads(chosen.stdout.splitlines()[-1])
    assert (summary["event"], summary["completed"]) == ("summary", 2)
    assert titles(shell) == ["1", "3"]
    late = shell.run("job", "select", job["job_id"], "all")
    assert (late.returncode, "does not wait for a choice" in late.stderr) == (2, True)


@pytest.mark.long
def test_the_same_command_with_a_choice_goes_on_with_the_list_that_waits(shell: Shell) -> None:
    """The list is not asked for again."""
    shell.download("/feed.rss", "--ask")
    before = len(shell.site.requests("/feed.rss"))
    assert shell.download("/feed.rss", "--select", "1").returncode == 0
    assert len(shell.jobs()) == 1
    assert titles(shell) == ["4"]
    assert len(shell.site.requests("/feed.rss")) == before


def test_at_a_terminal_the_list_is_shown_and_asked_about(shell: Shell) -> None:
    """A wrong answer is asked again; the right one begins at once."""
    url = shell.site.url("/feed.rss")
    with Terminal(shell, "flow", "run", "download-job", url, "--ask") as terminal:
        terminal.expect("Which of them?", 60)
        terminal.expect("Test clip 3", 1)
        terminal.press("9\n")
        terminal.expect("expected 1 to 4", 10)
        terminal.press("1-2\n")
        assert terminal.end(60) == 0
    assert titles(shell) == ["3", "4"]


def test_a_list_that_waits_is_forgotten_when_it_is_cancelled(shell: Shell) -> None:
    """At a terminal nobody has to decide now; nothing was done, so cancelling leaves nothing behind."""
    with Terminal(shell, "flow", "run", "download-job", shell.site.url("/feed.rss"), "--ask") as terminal:
        terminal.expect("Which of them?", 60)
        terminal.press("\n")
        assert terminal.end(60) == 0
    (job,) = shell.jobs()
    assert (job["status"], shell.shelf()) == ("starting", [])
    assert shell.run("job", "cancel", job["job_id"]).returncode == 0
    assert shell.jobs() == []
