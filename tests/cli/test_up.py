"""`vidra up` and its companions: one engine, real processes, killed for real."""

from __future__ import annotations

import json
import signal

import psutil
import pytest

from tests.cli.shell import Shell
from tests.engine.polling import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def _startup(shell: Shell) -> dict[str, object]:
    answer: dict[str, object] = json.loads((shell.data / "startup_status.json").read_text(encoding="utf-8"))
    return answer


def test_an_engine_lives_from_up_to_down(new_shell: Shell) -> None:
    """Ready, found by the second `up`, working on what is asked, and gone without a trace after `down`."""
    new_shell.up()
    started = _startup(new_shell)
    second = new_shell.run("up")
    done = new_shell.download("/v/vid001.html")
    status = new_shell.status()
    down = new_shell.down()

    assert started["status"] == "success"
    assert second.returncode == 0
    assert "running already" in second.stdout
    assert _startup(new_shell)["status"] == "reused"
    assert done.returncode == 0, done.stdout + done.stderr
    assert "private Prefect server" not in done.stdout
    assert new_shell.shelf() == ["Test clip 1 [vid001].mp4"]
    assert (status["running"], status["answers"]) == (True, True)
    assert down.returncode == 0
    assert new_shell.processes() == []
    assert not (new_shell.data / "vidra.start.lock").exists()
    assert (new_shell.data / "startup_status.json").stat().st_mode & 0o777 == 0o600


def test_a_part_that_dies_comes_back_and_the_work_goes_on(shell: Shell) -> None:
    """The worker is killed in the middle of a download: a new one takes its place, the job completes."""
    shell.up()
    path = f"/files/2/rate150000,etag1,tag{shell.shim}/vid001.mp4.rss"
    asked = shell.run("flow", "run", "download-job", shell.site.url(path), "--detach")
    wait_until(lambda: any(p.stat().st_size > 30_000 for p in shell.root.rglob("*.part")), 60)
    for process in shell.processes():
        if "vidra.engine.worker.work" in " ".join(process.cmdline()):
            process.send_signal(signal.SIGKILL)

    assert asked.returncode == 0, asked.stdout + asked.stderr
    wait_until(lambda: shell.jobs()[0]["status"] == "completed", 120)
    assert len(shell.shelf()) >= 1
    shell.down()


def test_after_a_power_cut_everything_goes_on(shell: Shell) -> None:
    """Every process is killed in the middle; the next `up` finishes the job, nothing is lost or stuck."""
    shell.up()
    path = f"/files/4/rate200000,etag1,tag{shell.shim}/vid001.mp4.rss"
    shell.run("flow", "run", "download-job", shell.site.url(path), "--detach")
    wait_until(lambda: any(p.stat().st_size > 30_000 for p in shell.root.rglob("*.part")), 60)
    shell.kill_everything()
    assert shell.jobs()[0]["status"] in {"running", "starting"}

    shell.up()

    wait_until(lambda: shell.jobs()[0]["status"] == "completed", 120)
    assert shell.run("state", "check").returncode == 0
    assert list(shell.root.rglob("*.part")) == []
    shell.down()


def test_an_interruption_stops_the_job_and_keeps_what_is_there(shell: Shell) -> None:
    """Ctrl-C without a terminal stops the job through the engine; the same command goes on with it."""
    shell.up()
    path = f"/p/rate150000,etag1,tag{shell.shim}/m/vid001.mp4"
    first = shell.start("flow", "run", "download-job", shell.site.url(path))
    wait_until(lambda: any(p.stat().st_size > 30_000 for p in shell.root.rglob("*.part")), 60)
    first.send_signal(signal.SIGINT)
    said, _ = first.communicate(timeout=60)

    assert first.returncode == 130, said
    assert len(list(shell.root.rglob("*.part"))) == 1

    second = shell.download(path)

    assert second.returncode == 0, second.stdout + second.stderr
    assert list(shell.root.rglob("*.part")) == []
    shell.down()


def test_detaching_needs_an_engine(shell: Shell) -> None:
    """Nobody would do the work: said at once, with the remedy, and no job is stored."""
    done = shell.download("/v/vid001.html", "--detach")

    assert done.returncode == 1
    assert "vidra up" in done.stderr
    assert shell.jobs() == []


def test_a_dry_run_through_the_engine_leaves_no_job(shell: Shell) -> None:
    """The plan comes from the engine; nothing is downloaded, then or later."""
    shell.up()
    done = shell.download("/feed.rss", "--dry-run")

    assert done.returncode == 0, done.stderr
    assert "Test clip 4" in done.stdout
    assert shell.jobs() == []
    assert shell.shelf() == []
    shell.down()


def test_the_engine_that_is_told_to_stop_leaves_no_process(shell: Shell) -> None:
    """SIGTERM in the middle of a download: everything ends, and the job is there for the next start."""
    engine = shell.up()
    path = f"/p/rate20000,etag1,tag{shell.shim}/m/vid001.mp4"
    shell.run("flow", "run", "download-job", shell.site.url(path), "--detach")
    wait_until(lambda: any(p.stat().st_size > 10_000 for p in shell.root.rglob("*.part")), 60)
    engine.send_signal(signal.SIGTERM)
    engine.communicate(timeout=90)

    assert engine.returncode == 0
    shell.engines.clear()
    assert [p for p in shell.processes() if p.status() != psutil.STATUS_ZOMBIE] == []
    assert shell.jobs()[0]["status"] not in {"failed", "cancelled", "completed"}
