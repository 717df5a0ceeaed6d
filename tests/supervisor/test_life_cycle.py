"""Real processes: started, watched, restarted."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.supervisor.worlds import QUICK, World, until
from vidra.errors import AlreadyRunning, BackendNotFound
from vidra.supervisor.interface import (
    BackendEvent,
    BackendRecord,
    BackendSpec,
    BackendState,
    HealthSpec,
    NoticeKind,
    PortHandover,
    PortSpec,
    Remedy,
    StatusChange,
    Timings,
)

pytestmark = pytest.mark.anyio
S = BackendState


def descriptors() -> int:
    """Return how many descriptors this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_back_end_is_started_found_healthy_and_stopped(world: World) -> None:
    """Requirements 1, 8, 14 and 41: the whole sequence of events, and nothing left."""
    async with world.supervisor(world.spec()) as supervisor:
        status = await supervisor.wait("api", {S.HEALTHY}, limit=10)
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"{status.url}/health")).status_code == 200

    assert world.states() == [S.STARTING, S.HEALTHY, S.STOPPING, S.STOPPED]
    assert world.journalled("post") == ["post /shutdown allowed"]


async def test_a_crash_is_noticed_within_a_fifth_of_a_second_and_mended(world: World) -> None:
    """WD-01 and the figure of issue 6: noticed at once, restarted, healthy, told."""
    async with world.supervisor(world.spec()) as supervisor:
        first = await supervisor.wait("api", {S.HEALTHY}, limit=10)
        assert first.pid is not None
        os.kill(first.pid, signal.SIGKILL)
        killed = time.monotonic()
        await supervisor.wait("api", {S.RESTARTING}, limit=5)
        noticed = time.monotonic() - killed
        second = await supervisor.wait("api", {S.HEALTHY}, limit=10)

    assert noticed <= 0.2
    assert (second.pid != first.pid, second.url) == (True, first.url)
    assert [n.message for n in world.notices(NoticeKind.RESTARTED)] == ["Backend restarted after crash"]


@pytest.mark.parametrize(
    ("option", "text"), [("--exit=0", "exit code 0"), ("--exit=3", "exit code 3"), ("--die-by=11", "SIGSEGV")]
)
async def test_the_exit_is_reported_truthfully(world: World, option: str, text: str) -> None:
    """WD-02 and requirement 28: code or signal stand in the log, with the last words."""
    async with world.supervisor(world.spec(option)) as supervisor:
        await supervisor.wait("api", {S.RESTARTING}, limit=10)

    assert f"ended unexpectedly: {'killed by ' if 'SIG' in text else ''}{text}" in world.log()
    assert text in (world.logs / "backend_errors.log").read_text()


async def test_a_crash_loop_ends_after_exactly_three_starts(world: World) -> None:
    """WD-03: the journal has three starts, and still has a while later; one alert; exit and tail kept."""
    async with world.supervisor(world.spec("--exit=1")) as supervisor:
        status = await supervisor.wait("api", {S.FAILED}, limit=10)
        await until(lambda: len(world.notices(NoticeKind.GAVE_UP)) == 1)
        with pytest.raises(TimeoutError):
            await supervisor.wait("api", set(S) - {S.FAILED}, limit=1)

    assert len(world.journalled("start")) == 3
    assert len(world.notices(NoticeKind.GAVE_UP)) == 1
    assert status.last_exit is not None
    assert (status.last_exit.code, status.last_exit.tail) == (1, ("leaving as told",))


async def test_exit_code_78_is_not_tried_again(world: World) -> None:
    """WD-02: the program says that its configuration is wrong."""
    async with world.supervisor(world.spec("--exit=78")) as supervisor:
        await supervisor.wait("api", {S.FAILED}, limit=10)

    assert len(world.journalled("start")) == 1


async def test_a_missing_module_is_named_and_the_trace_kept_apart(world: World) -> None:
    """Requirements 82 to 85: reason, options, trace for debug mode only, error log."""
    async with world.supervisor(world.python("import no_such_module")) as supervisor:
        await supervisor.wait("api", {S.FAILED}, limit=10)
        (notice,) = world.notices(NoticeKind.GAVE_UP)

    assert "No module named 'no_such_module'" in notice.message
    assert Remedy.VIEW_FULL_LOGS in notice.remedies
    assert not any("Traceback" in line for line in notice.evidence)
    assert notice.trace[0].startswith("Traceback")
    assert "no_such_module" in (world.logs / "backend_errors.log").read_text()


async def test_a_missing_executable_is_told_with_the_folder_listing(world: World) -> None:
    """Requirements 79 to 81."""
    (world.journal.parent / "bin").mkdir()
    (world.journal.parent / "bin" / "other").touch()
    program = str(world.journal.parent / "bin" / "main")
    async with world.supervisor(world.spec(command=(program,))) as supervisor:
        await supervisor.wait("api", {S.FAILED}, limit=10)
        (notice,) = world.notices(NoticeKind.GAVE_UP)

    assert notice.message == "Backend executable missing. Please reinstall Vidra."
    assert f"expected: {program}" in notice.evidence
    assert "other" in notice.evidence
    assert Remedy.DOWNLOAD_INSTALLER in notice.remedies


async def test_a_hung_but_listening_back_end_is_replaced(world: World) -> None:
    """WD-07: SIGSTOP leaves the port open; probes time out, the process is killed, a new one serves."""
    async with world.supervisor(world.spec(health=HealthSpec(timeout=0.2))) as supervisor:
        first = await supervisor.wait("api", {S.HEALTHY}, limit=10)
        assert first.pid is not None
        os.kill(first.pid, signal.SIGSTOP)
        await supervisor.wait("api", {S.RESTARTING}, limit=10)
        second = await supervisor.wait("api", {S.HEALTHY}, limit=10)

    assert second.pid != first.pid
    assert world.states()[2:4] == [S.UNHEALTHY, S.RESTARTING]


async def test_a_start_that_never_becomes_ready_is_ended_and_counts(world: World) -> None:
    """WD-08 with a short limit: three such starts are a crash loop."""
    timings = Timings(startup_poll=0.05, startup_limit=0.3, restart_delay=0.05, term_grace=0.5)
    async with world.supervisor(world.spec("--ready-after=60", timings=timings)) as supervisor:
        status = await supervisor.wait("api", {S.FAILED}, limit=10)

    assert (len(world.journalled("start")), status.crashes) == (3, 3)


async def test_a_stranger_who_answers_in_our_place_is_not_health(world: World) -> None:
    """WD-16: 200 with another instance id makes it unhealthy, and a restart follows."""
    async with world.supervisor(world.spec()) as supervisor:
        await supervisor.wait("api", {S.HEALTHY}, limit=10)
        world.script.write_text("foreign")
        await supervisor.wait("api", {S.UNHEALTHY}, limit=10)
        status = supervisor.status("api")

    assert status.reason == "another instance answers on this address"


async def test_a_handed_over_descriptor_serves_through_a_crash(world: World) -> None:
    """Handed over, the socket never closes: a request sent while the back end is down is answered."""
    port = PortSpec(first=20_000, last=29_999, handover=PortHandover.DESCRIPTOR)
    async with world.supervisor(world.spec("--fd={fd}", port=port)) as supervisor:
        status = await supervisor.wait("api", {S.HEALTHY}, limit=10)
        assert status.pid is not None
        os.kill(status.pid, signal.SIGKILL)
        await supervisor.wait("api", {S.RESTARTING}, limit=5)
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"{status.url}/health", timeout=10)).status_code == 200


async def test_an_answer_about_the_former_process_says_nothing_about_the_new_one(world: World) -> None:
    """A good probe that was out when the process died does not make its successor healthy."""
    asked = asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await asyncio.sleep(0.4)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(slow, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/health"
    timings = replace(QUICK, startup_poll=1.0, restart_delay=0.01)
    spec = world.python("import time; time.sleep(300)", health=HealthSpec(url=url), timings=timings)
    async with server, world.supervisor(spec) as supervisor:
        status = await supervisor.wait("api", {S.HEALTHY}, limit=10)
        asked.clear()
        await asyncio.wait_for(asked.wait(), 5)
        assert status.pid is not None
        os.kill(status.pid, signal.SIGKILL)
        await supervisor.wait("api", {S.RESTARTING}, limit=5)
        await supervisor.wait("api", {S.HEALTHY}, limit=10)

    starting, healthy = [e for e in world.events if isinstance(e, StatusChange)][3:5]
    assert (starting.new, healthy.new) == (S.STARTING, S.HEALTHY)
    assert (healthy.at - starting.at).total_seconds() >= timings.startup_poll


async def test_back_ends_fail_alone(world: World) -> None:
    """One in a crash loop does not disturb the others."""
    async with world.supervisor(world.spec("--exit=1", name="bad"), world.spec(name="good")) as supervisor:
        await supervisor.wait("bad", {S.FAILED}, limit=10)
        await supervisor.wait("good", {S.HEALTHY}, limit=10)

    assert world.states("good") == [S.STARTING, S.HEALTHY, S.STOPPING, S.STOPPED]


async def test_a_probe_round_takes_as_long_as_its_slowest_probe(world: World) -> None:
    """The figure of issue 6: all at the same time, at most 1.5 times the slowest."""
    specs = [world.spec(name=f"api{n}", health=HealthSpec(timeout=5.0)) for n in range(3)]
    async with world.supervisor(*specs) as supervisor:
        for spec in specs:
            await supervisor.wait(spec.name, {S.HEALTHY}, limit=10)
        world.script.write_text("slow")
        begun = time.monotonic()
        answers = await supervisor.probe_all()
        seconds = time.monotonic() - begun

    slowest = max(probe.latency or 0.0 for probe in answers.values() if probe is not None)
    assert seconds <= 1.5 * slowest


async def test_a_service_we_do_not_own_is_watched_and_repaired(world: World) -> None:
    """Its restart command runs when it does not answer; the process itself is never touched."""
    async with world.supervisor(world.spec(name="theirs")) as supervisor:
        theirs = await supervisor.wait("theirs", {S.HEALTHY}, limit=10)
        mend = (sys.executable, "-c", f"open({str(world.script)!r}, 'w').write('good')")
        watched = BackendSpec(
            name="watched",
            health=HealthSpec(url=f"{theirs.url}/health"),
            restart_command=mend,
            timings=Timings(steady_poll=0.1, reconnect_poll=0.02, startup_poll=0.05),
        )
        await supervisor.stop("theirs")
        await supervisor.add(watched)
        await supervisor.start("theirs")
        await supervisor.wait("watched", {S.HEALTHY}, limit=10)

        assert supervisor.status("watched").pid is None
        await supervisor.stop("watched")
        await supervisor.wait("theirs", {S.HEALTHY}, limit=10)


@pytest.mark.long
async def test_fifty_kills_are_fifty_restarts_and_nothing_leaks(world: World) -> None:
    """WD-01 at length: each ready in less than 5 s; no descriptor, process or temporary folder left."""
    timings = replace(QUICK, crash_limit=100)
    async with world.supervisor(world.spec("--escapees=1", timings=timings)) as supervisor:
        status = await supervisor.wait("api", {S.HEALTHY}, limit=10)
        before = 0
        for cycle in range(50):
            assert status.pid is not None
            os.kill(status.pid, signal.SIGKILL)
            await supervisor.wait("api", {S.RESTARTING}, limit=5)
            status = await supervisor.wait("api", {S.HEALTHY}, limit=5)
            if cycle == 0:  # the first crash opens the error log
                before = descriptors()
        assert descriptors() == before
        assert len(list(world.folder.glob("*.tmp-*"))) == 1

    assert len(world.journalled("start")) == 51


async def test_a_second_supervisor_of_the_same_folder_is_told_who_is_first(world: World) -> None:
    """WD-18: it names the holder's pid, and starts nothing."""
    async with world.supervisor(world.spec()) as supervisor:
        await supervisor.wait("api", {S.HEALTHY}, limit=10)
        with pytest.raises(AlreadyRunning, match=f"pid {os.getpid()}"):
            await world.supervisor(world.spec()).__aenter__()

    assert len(world.journalled("start")) == 1


async def test_a_full_disk_under_the_records_does_not_end_supervision(world: World) -> None:
    """WD-19: the record cannot be written; a crash is still mended, and the trouble is told."""

    class FullDisk:
        def load(self, name: str) -> None:
            """Nothing was ever kept."""

        def save(self, record: BackendRecord) -> None:
            raise OSError(28, f"No space left on device for {record.name}")

    async with world.supervisor(world.spec(), records=FullDisk()) as supervisor:
        status = await supervisor.wait("api", {S.HEALTHY}, limit=10)
        assert status.pid is not None
        os.kill(status.pid, signal.SIGKILL)
        await supervisor.wait("api", {S.RESTARTING}, limit=10)
        await supervisor.wait("api", {S.HEALTHY}, limit=10)

    assert "No space left" in world.notices(NoticeKind.NOT_SAVED)[0].message


async def test_a_subscriber_that_fails_does_not_end_supervision(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Foreign code at the edge: logged, and the next subscriber is still called."""

    def fail(event: BackendEvent) -> None:
        message = f"a subscriber's own mistake with {event.name}"
        raise RuntimeError(message)

    supervisor = world.supervisor(world.spec())
    supervisor.subscribe(fail)
    async with supervisor:
        await supervisor.wait("api", {S.HEALTHY}, limit=10)

    assert "a subscriber's own mistake" in caplog.text


async def test_an_unknown_name_is_answered_with_the_known_ones(world: World) -> None:
    """The message says what would have been accepted."""
    async with world.supervisor(world.spec("--exit=78")) as supervisor:
        with pytest.raises(BackendNotFound, match="declared are: api"):
            await supervisor.stop("apo")


def test_a_spec_with_a_name_that_is_no_file_name_is_refused() -> None:
    """Names become file names; a service without command needs a health URL."""
    with pytest.raises(ValueError, match="letters, digits"):
        BackendSpec(name="../up", command=("true",))
    with pytest.raises(ValueError, match="health URL"):
        BackendSpec(name="remote")


@pytest.mark.parametrize(
    "wrong",
    [
        {"command": ()},
        {"health": HealthSpec(url="health"), "port": PortSpec()},
        {"health": HealthSpec(url="/health")},
        {"shutdown_path": "shutdown", "port": PortSpec()},
        {"shutdown_path": "/shutdown"},
    ],
)
def test_a_spec_whose_routes_lead_nowhere_is_refused(wrong: dict[str, Any]) -> None:
    """A path needs its slash, and a port below which it lies."""
    with pytest.raises(ValueError, match="back end 'api'"):
        BackendSpec(**{"name": "api", "command": ("main",), **wrong})


@pytest.mark.parametrize(
    ("content", "mode", "reason"),
    [("no program", 0o700, "not a program"), ("", 0o600, "chmod \\+x")],
)
async def test_a_file_that_cannot_be_run_is_told_at_once(
    world: World, content: str, mode: int, reason: str
) -> None:
    """No restart loop around a wrong file; the message says what to do."""
    program = world.script.with_name("main")
    program.write_text(content)
    program.chmod(mode)
    async with world.supervisor(world.spec(command=(str(program),))) as supervisor:
        status = await supervisor.wait("api", {S.FAILED}, limit=10)

    assert re.search(reason, status.reason)
    assert status.crashes == 0
