"""What a script gets when a back end does not come up: exit code, reason, evidence, events; no question."""

from __future__ import annotations

import json
import socket
import sys
from typing import Any

import pytest

from tests.backends.desk import Desk
from tests.supervisor.worlds import until
from vidra.supervisor.interface import BackendState

pytestmark = pytest.mark.anyio
S = BackendState
ALONE: dict[str, Any] = {"port": None, "health": None, "shutdown": None}


async def test_a_slow_start_ends_with_code_one_and_what_can_be_done(desk: Desk) -> None:
    """Requirements 86 and 87 without a terminal; the change feed has the same, for programs."""
    desk.script.write_text("bad")
    desk.declare(autostart=False, startup_limit=0.4, crash_limit=1)
    async with desk.supervised() as supervisor:
        done = await desk.run("backend", "start", "api")
        await supervisor.wait("api", {S.FAILED}, limit=10)
        shown = json.loads((await desk.run("backend", "status", "api", "--json")).stdout)
        await until(lambda: len(desk.feed("backend-notice")) == 3)

    assert done.returncode == 1
    assert "1 crashes in 300 s; the last: not ready in time" in done.stderr
    assert "What can be done: Restart, View Full Logs" in done.stderr
    slow, crashed, gave_up = desk.feed("backend-notice")
    assert slow.facts["message"] == "Backend is taking longer than expected to start."
    assert slow.facts["remedies"] == ["Keep Waiting", "View Logs", "Restart"]
    assert (crashed.facts["kind"], gave_up.facts["kind"]) == ("crashed", "gave_up")
    assert shown["backends"][0]["notice"]["kind"] == "gave_up"
    assert [one.facts["new"] for one in desk.feed("backend-status")] == ["starting", "failed"]


async def test_no_free_port_shows_all_of_the_scan_on_demand(desk: Desk) -> None:
    """Requirements 76 to 78: a line for each port with `-v`; without it the last five."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        desk.declare(first_port=port, last_port=port)
        async with desk.supervised() as supervisor:
            await supervisor.wait("api", {S.FAILED}, limit=10)
            told = await desk.run("backend", "status", "api")

    assert told.returncode == 1
    assert "Unable to start backend. No available ports." in told.stdout
    assert f"| {port}: Address already in use" in told.stdout
    assert "What can be done: Quit other applications, Retry, View Full Logs" in told.stdout


async def test_a_missing_program_is_told_with_path_and_listing(desk: Desk) -> None:
    """Requirements 79 to 81; the log has the same, for later."""
    (desk.root / "bin").mkdir()
    (desk.root / "bin" / "something-else").touch()
    desk.declare(command=[str(desk.root / "bin" / "main")])
    async with desk.supervised() as supervisor:
        await supervisor.wait("api", {S.FAILED}, limit=10)
        told = await desk.run("backend", "status", "api")
        log = await desk.run("backend", "logs", "api", "--errors")

    for text in ("Please reinstall Vidra.", f"expected: {desk.root}/bin/main", "something-else"):
        assert text in told.stdout
        assert text in log.stdout
    assert "What can be done: Download Installer, View Full Logs" in told.stdout


async def test_a_trace_is_for_people_who_debug(desk: Desk) -> None:
    """Requirements 82, 83 and 85: the error is told, its trace with `--debug` only and in the error log."""
    desk.declare(command=[sys.executable, "-S", "-c", "import no_such_module"], **ALONE)
    async with desk.supervised() as supervisor:
        await supervisor.wait("api", {S.FAILED}, limit=10)
        plain = (await desk.run("backend", "status", "api")).stdout
        debug = (await desk.run("--debug", "backend", "status", "api")).stdout
        errors = (await desk.run("backend", "logs", "api", "--errors")).stdout

    assert "No module named 'no_such_module'" in plain
    assert ("Traceback" in plain, "Traceback" in debug, "Traceback" in errors) == (False, True, True)


async def test_the_last_words_of_a_crash_are_shown_with_it(desk: Desk) -> None:
    """Item 6: the tail stands beside exit code and reason, in status, log and feed."""
    desk.declare(command=desk.program("--exit", "3"), crash_limit=1)
    async with desk.supervised() as supervisor:
        await supervisor.wait("api", {S.FAILED}, limit=10)
        told = await desk.run("backend", "start", "api")
        shown = await desk.run("backend", "status", "api")
        log = await desk.run("backend", "logs", "api")

    assert told.returncode == 1
    assert "| leaving as told" in told.stderr
    assert "last exit   exit code 3" in shown.stdout
    assert "err leaving as told" in log.stdout
    assert desk.feed("backend-notice")[0].facts["evidence"][-1] == "leaving as told"


@pytest.mark.long
async def test_older_pieces_of_a_long_log_can_be_read(desk: Desk) -> None:
    """Item 6: past 10 MB a new piece begins, nothing is lost in between, and each is shown by its name."""
    talk = "import time; [print('%07d' % n, 'x' * 990) for n in range(10_500)]; time.sleep(300)"
    desk.declare(command=[sys.executable, "-S", "-u", "-c", talk], **ALONE)
    logs = desk.shell.data / "logs"
    async with desk.supervised() as supervisor:
        await until(lambda: any("0010499" in line for line in supervisor.tail("api")), limit=30)
        (older,) = logs.glob("api-*.1.log")
        shown = await desk.run("backend", "logs", "api", "--piece", older.name, "-n", "1")
        newest = (logs / "api.log").read_text().splitlines()
        elsewhere = await desk.run("backend", "logs", "api", "--piece", "../vidra.yaml")

    assert 9_900_000 < older.stat().st_size <= 10_000_000
    last = int(shown.stdout.split()[2])
    assert int(newest[0].split()[2]) == last + 1
    assert elsewhere.returncode == 2
