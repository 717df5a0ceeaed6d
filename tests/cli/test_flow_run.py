"""`vidra flow run download-job` as a person or cron runs it: a process of its own, end to end."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.cli.prepared import put_into
from tests.cli.shell import Shell
from tests.engine.polling import wait_until
from tests.site.server import MediaSite

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, prepared_home: Path) -> Path:
    """Return a data folder that the tests of this module share."""
    made = tmp_path_factory.mktemp("flow-run") / "data"
    put_into(made, prepared_home)
    return made


@pytest.fixture
def shell(tmp_path: Path, data: Path, media_site: MediaSite) -> Shell:
    """Return a shell with a library of its own."""
    return Shell(tmp_path, data, media_site)


def test_a_download_ends_with_the_file_and_exit_code_zero(shell: Shell) -> None:
    """Plain lines say what happens, and that a private server was started and stopped for it."""
    done = shell.download("/v/vid001.html")

    assert done.returncode == 0, done.stderr
    assert shell.shelf() == ["Test clip 1 [vid001].mp4"]
    assert "starting a private Prefect server" in done.stdout
    assert "1 of 1 entry done" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_json_output_is_one_object_a_line(shell: Shell) -> None:
    """A program can follow the run: every line parses and names its event."""
    done = shell.download("/pages/feed-2.rss", "--json")

    events: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0
    assert all(event["event"] for event in events)
    assert any(event["event"] == "entry" and event.get("status") == "completed" for event in events)


def test_a_list_with_a_bad_entry_ends_with_three(shell: Shell) -> None:
    """Partial success has an exit code of its own, and the failed entry is named."""
    done = shell.download("/odd/feed-one-bad.rss")

    assert done.returncode == 3
    assert "404" in done.stdout + done.stderr
    assert len(shell.shelf()) == 3


def test_a_failed_job_ends_with_one_and_no_traceback(shell: Shell) -> None:
    """What went wrong is one sentence; neither Prefect's nor our traceback shows."""
    done = shell.download("/v/missing.html")

    assert done.returncode == 1
    assert "404" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--option", "exec=id"], "exec"),
        (["--option", "retires=3"], "did you mean `retries`"),
        (["--preset", "best-vidoe"], "best-video"),
        (["--option", "concurrent_fragments=many"], "concurrent_fragments"),
    ],
)
def test_a_refused_request_ends_with_two_and_starts_nothing(
    shell: Shell, arguments: list[str], said: str
) -> None:
    """The message names the option and what was meant; no server, no job, no request to the site."""
    before = len(shell.site.requests())

    done = shell.download("/v/vid004.html?refused", *arguments)

    assert done.returncode == 2, done.stdout + done.stderr
    assert said in done.stderr
    assert "Prefect" not in done.stdout
    assert len(shell.site.requests()) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "terminate"])
def test_an_interruption_keeps_the_part_and_the_same_command_goes_on(
    shell: Shell, number: signal.Signals
) -> None:
    """Exit code 130, nothing left running, and the second run fetches the rest only."""
    path = f"/p/rate200000,etag1,tag{number.name}/m/vid001.mp4"
    first = shell.start("flow", "run", "download-job", shell.site.url(path))
    wait_until(lambda: any(p.stat().st_size > 50_000 for p in shell.root.rglob("*.part")), 60)
    first.send_signal(number)
    said, _ = first.communicate(timeout=30)

    assert first.returncode == 130, said
    assert len(list(shell.root.rglob("*.part"))) == 1

    second = shell.download(path)

    ranges = [r.headers.get("range", "") for r in shell.site.requests(f"tag{number.name}")]
    assert second.returncode == 0, second.stdout + second.stderr
    assert any(asked.startswith("bytes=") and asked != "bytes=0-" for asked in ranges)
    assert list(shell.root.rglob("*.part")) == []


def test_a_dry_run_lists_what_there_is_and_leaves_nothing(shell: Shell) -> None:
    """The plan is printed, no file and no job is left."""
    before = len(json.loads(shell.run("job", "ls", "--json").stdout))

    done = shell.download("/feed.rss", "--dry-run")

    assert done.returncode == 0
    assert "Test clip 4" in done.stdout
    assert shell.shelf() == []
    assert len(json.loads(shell.run("job", "ls", "--json").stdout)) == before


def test_no_secret_is_left_anywhere(shell: Shell, data: Path) -> None:
    """API-14: a password given as an option is in no state file, no Prefect database, no output."""
    canary = "c4n4ry-7f3b9d"

    done = shell.download("/v/vid002.html", "--option", "username=me", "--option", f"password={canary}")

    assert done.returncode == 0, done.stderr
    assert canary not in done.stdout + done.stderr
    holders = [p for p in data.rglob("*") if p.is_file() and canary.encode() in p.read_bytes()]
    assert holders == []
