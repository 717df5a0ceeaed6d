"""The disk is full: jobs end in a state that says so, nothing is damaged, and with room it goes on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli.shell import Shell
from tests.engine.polling import wait_until
from tests.faults.aftermath import damaged, finished, jobs, unfinished_runs
from tests.faults.small_disk import SmallDisk, small_disk

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

MIB = 1 << 20


@pytest.fixture
def shelf(shell: Shell) -> Iterator[SmallDisk]:
    """Put the library on a disk with room for one or two of four files, which come one after the other."""
    told = shell.config.read_text("utf-8")
    shell.config.write_text(told.replace("concurrency: 4", "concurrency: 1"), "utf-8")
    with small_disk(shell.root / "library", size=int(1.6 * MIB)) as disk:
        yield disk
        shell.kill_everything()


@pytest.fixture
def books(shell: Shell) -> Iterator[SmallDisk]:
    """Put all that Vidra and Prefect remember on a disk of its own."""
    with small_disk(shell.data, size=64 * MIB) as disk:
        yield disk
        shell.kill_everything()


def _feed(shell: Shell, number: int) -> str:
    return shell.site.url(f"/files/{number}/etag1,tag{shell.shim}/vid001.mp4.rss")


PLAIN = ("--option", "embed_metadata=false")


def test_a_full_library_is_told_and_the_job_goes_on_when_there_is_room(
    shell: Shell, shelf: SmallDisk
) -> None:
    """What fits is there and whole; the rest is a failure that names the remedy, and is fetched later."""
    shell.up()
    done = shell.run("flow", "run", "download-job", _feed(shell, 4), *PLAIN)
    (job,) = jobs(shell)
    arrived = shell.shelf()

    assert done.returncode == 3, done.stdout + done.stderr
    assert "no room left on the file system" in done.stdout + done.stderr
    assert "vidra job retry" in done.stdout + done.stderr
    assert job["status"] == "completed_with_errors"
    assert 1 <= len(arrived) <= 2
    assert damaged(shell, shell.site.file("m/vid001.mp4")) == []
    assert shell.run("state", "check").returncode == 0

    shelf.resize(16 * MIB)
    assert shell.run("job", "retry", job["job_id"]).returncode == 0
    wait_until(lambda: finished(shell), 60)
    assert len(shell.shelf()) == 4
    assert set(arrived) <= set(shell.shelf())
    assert damaged(shell, shell.site.file("m/vid001.mp4")) == []
    assert list(shell.root.rglob("*.part")) == []
    shell.down()


@pytest.mark.long
def test_a_full_data_folder_damages_nothing_and_needs_no_restart(shell: Shell, books: SmallDisk) -> None:
    """Neither our state nor Prefect's: who asks is told, and asks again when there is room."""
    shell.up()
    assert shell.download("/v/vid001.html").returncode == 0
    stuffing = books.fill()
    refused = shell.download("/v/vid002.html")
    whole = shell.run("state", "check").returncode

    assert refused.returncode not in {0, 2}, refused.stdout
    assert "full" in refused.stderr or "no room" in refused.stderr, refused.stderr
    assert "Traceback" not in refused.stdout + refused.stderr
    assert whole == 0

    stuffing.unlink()
    again = shell.download("/v/vid002.html")
    assert again.returncode == 0, again.stdout + again.stderr
    assert len(shell.shelf()) == 2
    wait_until(lambda: not unfinished_runs(shell), 60)
    assert shell.run("state", "check").returncode == 0
    shell.down()
