"""What a person at a terminal is asked when a back end does not come up, and what each answer does."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Sequence

import pytest

from tests.backends.desk import Desk
from tests.cli.terminal import Terminal
from tests.supervisor.worlds import until
from vidra.supervisor.interface import BackendState

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(sys.platform == "win32", reason="needs a pty")]
S = BackendState
SLOW = "Backend is taking longer than expected to start."
Step = tuple[str, str | Callable[[], object]]


def answer(desk: Desk, *command: str, steps: Sequence[Step]) -> int:
    """Run the command at a terminal: wait for each text, then type the keys or do the thing beside it."""
    with Terminal(desk.shell, "backend", *command) as terminal:
        for text, reaction in steps:
            terminal.expect(text, 20)
            if isinstance(reaction, str):
                terminal.press(reaction)
            else:
                reaction()
        return terminal.end(20)


def slow(desk: Desk) -> None:
    """Declare a back end that is over its time at once, and ready when the script says so."""
    desk.script.write_text("bad")
    desk.declare(autostart=False, startup_limit=0.4, startup_extension=20)


async def test_keep_waiting_and_it_comes_up(desk: Desk) -> None:
    """Requirements 86 to 88: the specified words and options; the logs can be read meanwhile; no restart."""
    slow(desk)
    steps: list[Step] = [
        (SLOW, "what?\r"),
        ("1) Keep Waiting   2) View Logs   3) Restart", "2\r"),
        ("listening on", "1\r"),
        (SLOW, lambda: desk.script.write_text("good")),
    ]
    async with desk.supervised() as supervisor:
        code = await desk.sit(lambda: answer(desk, "start", "api", steps=steps))
        crashes = supervisor.status("api").crashes

    assert (code, desk.starts(), crashes) == (0, 1, 0)


async def test_restart_begins_anew(desk: Desk) -> None:
    """Another process, and the terminal waits for that one."""
    desk.declare(command=desk.program("--stuck-first"), autostart=False, startup_limit=0.4)
    steps: list[Step] = [(SLOW, ""), ("3) Restart", "3\r")]
    async with desk.supervised() as supervisor:
        code = await desk.sit(lambda: answer(desk, "start", "api", steps=steps))
        crashes = supervisor.status("api").crashes

    assert (code, desk.starts(), crashes) == (0, 2, 0)


async def test_leaving_leaves_it_to_the_supervisor(desk: Desk) -> None:
    """Enter alone, and Ctrl-D: the exit code says that it is not up; nobody was killed by the question."""
    slow(desk)
    async with desk.supervised() as supervisor:
        left = await desk.sit(
            lambda: answer(desk, "start", "api", "--timeout", "0.5", steps=[("Enter) leave", "\r")])
        )
        await supervisor.stop("api")
        await supervisor.wait("api", {S.STOPPED}, limit=5)
        ended = await desk.sit(
            lambda: answer(desk, "start", "api", "--timeout", "0.5", steps=[("Enter) leave", "\x04")])
        )

    assert (left, ended) == (1, 1)


async def test_a_port_is_freed_and_retry_finds_it(desk: Desk) -> None:
    """Requirements 76 to 78: words, scan, "Quit other applications" explains, "Retry" scans again."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        desk.declare(autostart=False, first_port=port, last_port=port)
        steps: list[Step] = [
            ("Unable to start backend. No available ports.", ""),
            (f"{port}: Address already in use", ""),
            ("1) Quit other applications   2) Retry   3) View Full Logs", "1\r"),
            ("End a program that uses one of the ports above", taken.close),
            ("Enter) leave: ", "2\r"),
        ]
        async with desk.supervised() as supervisor:
            code = await desk.sit(lambda: answer(desk, "start", "api", steps=steps))
            found = supervisor.status("api").port

    assert (code, found) == (0, port)


async def test_a_missing_program_is_shown_with_its_folder(desk: Desk) -> None:
    """Requirements 79 to 81: words, expected path, what lies there, and "Download Installer" explains."""
    (desk.root / "bin").mkdir()
    (desk.root / "bin" / "api-server.bak").touch()
    desk.declare(autostart=False, command=[str(desk.root / "bin" / "api-server")])
    steps: list[Step] = [
        ("Backend executable missing. Please reinstall Vidra.", ""),
        (f"expected: {desk.root}/bin/api-server", ""),
        ("api-server.bak", ""),
        ("1) Download Installer", "1\r"),
        ("Install the program at the path above again", "\r"),
    ]
    async with desk.supervised():
        code = await desk.sit(lambda: answer(desk, "start", "api", steps=steps))

    assert code == 1


async def test_view_full_logs_shows_what_a_broken_program_said(desk: Desk) -> None:
    """Requirements 82 to 84: the module is named, and the full log has the trace."""
    desk.declare(
        autostart=False, command=[sys.executable, "-S", "-c", "import no_such_module"],
        port=None, health=None, shutdown=None,
    )  # fmt: skip
    steps: list[Step] = [
        ("a dependency is missing: ModuleNotFoundError: No module named 'no_such_module'", ""),
        ("View Full Logs", "2\r"),
        ("Traceback (most recent call last):", "\r"),
    ]
    async with desk.supervised():
        code = await desk.sit(lambda: answer(desk, "start", "api", steps=steps))

    assert code == 1


async def test_a_terminal_whose_errors_go_elsewhere_is_not_asked(desk: Desk) -> None:
    """`vidra backend start api --json` at a terminal is a program's: it gets JSON, no question."""
    desk.declare(command=desk.program("--exit", "3"), autostart=False, crash_limit=1)
    steps: list[Step] = [('"remedies": ', "")]
    async with desk.supervised():
        code = await desk.sit(lambda: answer(desk, "start", "api", "--json", "--timeout", "1", steps=steps))
        await until(lambda: desk.feed("backend-notice"))

    assert code == 1
