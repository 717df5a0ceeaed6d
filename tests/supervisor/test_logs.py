"""One writer, stamps, rotation, seven days, errors apart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.supervisor.worlds import World, until
from vidra.clock import ManualClock
from vidra.supervisor.interface import BackendState
from vidra.supervisor.logs import LogBook, RotatingFile

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1).total_seconds()
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z (out|err|vidra) ")


@pytest.fixture
def log(tmp_path: Path) -> Iterator[LogBook]:
    """Return the log of a back end named `api`."""
    clock = ManualClock(START)
    errors = RotatingFile(tmp_path / "backend_errors.log", clock)
    book = LogBook("api", tmp_path / "api.log", errors, clock)
    yield book
    book.close()
    errors.close()


def test_ten_days_leave_seven(tmp_path: Path) -> None:
    """Requirement 37: today's file and those of the six days before."""
    clock = ManualClock(START)
    file = RotatingFile(tmp_path / "api.log", clock)
    for day in range(10):
        file.write([f"day {day}"])
        clock.advance(DAY)
    file.write(["today"])
    file.close()

    assert (tmp_path / "api.log").read_text() == "today\n"
    assert sorted(p.name for p in tmp_path.glob("api-*.log")) == [
        f"api-2026-11-{day}.1.log" for day in range(24, 30)
    ]


def test_ten_megabytes_start_a_new_piece(tmp_path: Path) -> None:
    """A piece is never larger than the limit, and nothing is lost between pieces."""
    file = RotatingFile(tmp_path / "api.log", ManualClock(START), rotate_at=1000)
    for number in range(100):
        file.write([f"{number:049}"])
    file.close()

    pieces = list(tmp_path.glob("*.log"))
    assert [p.stat().st_size for p in pieces] == [1000] * 5
    assert sum(len(p.read_text().splitlines()) for p in pieces) == 100


def test_a_log_of_yesterday_is_turned_by_the_next_start(tmp_path: Path) -> None:
    """The day is the file's, not that of the process (D3, weakness 13)."""
    path = tmp_path / "api.log"
    path.write_text("old\n")
    clock = ManualClock(datetime.now(UTC) + timedelta(days=2))
    file = RotatingFile(path, clock)
    file.write(["new"])
    file.close()

    assert path.read_text() == "new\n"
    assert len(list(tmp_path.glob("api-*.log"))) == 1


def test_a_disk_that_refuses_costs_lines_and_says_how_many(tmp_path: Path) -> None:
    """A log that cannot be written stops nobody."""
    folder = tmp_path / "logs"
    folder.write_text("a file where the folder should be")
    file = RotatingFile(folder / "api.log", ManualClock(START))
    file.write(["lost", "lost too"])
    folder.unlink()
    file.write(["kept"])
    file.close()

    first, second = (folder / "api.log").read_text().splitlines()
    assert first.endswith("2 lines could not be written")
    assert second == "kept"


def test_every_line_is_stamped_and_says_where_it_came_from(tmp_path: Path, log: LogBook) -> None:
    """Requirements 34 and 36."""
    log.write("out", ["one", "two"])
    log.write("err", ["three"])
    log.remark("remark", evidence=["four"])

    lines = (tmp_path / "api.log").read_text().splitlines()
    assert len(lines) == 5
    assert all(STAMP.match(line) for line in lines)


def test_errors_are_copied_with_their_whole_trace(tmp_path: Path, log: LogBook) -> None:
    """Requirement 85: the trace and the error line below it, and nothing harmless."""
    log.write("err", ["INFO fine", "Traceback (most recent call last):", '  File "x", line 1', "KeyError: 1"])
    log.write("out", ["ERROR: bad", "fine again"])

    copied = (tmp_path / "backend_errors.log").read_text().splitlines()
    assert [line.split(" ", 3)[3] for line in copied] == [
        "Traceback (most recent call last):",
        '  File "x", line 1',
        "KeyError: 1",
        "ERROR: bad",
    ]
    assert all(" api " in line for line in copied)


def test_secrets_do_not_reach_the_log(tmp_path: Path, log: LogBook) -> None:
    """Nor its tail, which goes into messages."""
    log.write("out", ["GET /x?token=s3cr3t-canary HTTP/1.1"])

    assert "canary" not in (tmp_path / "api.log").read_text() + "".join(log.tail())


def test_logs_are_the_owners_business(tmp_path: Path, log: LogBook) -> None:
    """Mode 0600."""
    log.write("out", ["x"])

    assert (tmp_path / "api.log").stat().st_mode & 0o777 == 0o600


@pytest.mark.anyio
async def test_everything_a_spewing_process_prints_arrives(world: World) -> None:
    """Both streams, 20,000 lines, and the unfinished last one."""
    code = (
        "import sys, time\n"
        "for n in range(10_000): print('o', n); print('e', n, file=sys.stderr)\n"
        "sys.stdout.write('unfinished'); sys.stdout.flush()\n"
        "time.sleep(300)\n"
    )
    async with world.supervisor(world.python(code)) as supervisor:
        await until(lambda: world.log_has("api", " o 9999") and world.log_has("api", " e 9999"))
        await supervisor.stop("api")
        await supervisor.wait("api", {BackendState.STOPPED}, limit=10)

    lines = world.log().splitlines()
    assert sum(" out o " in line for line in lines) == 10_000
    assert sum(" err e " in line for line in lines) == 10_000
    assert any(line.endswith("out unfinished") for line in lines)


@pytest.mark.anyio
async def test_a_line_without_end_is_cut_into_pieces(world: World) -> None:
    """One line cannot eat the memory."""
    code = "import sys, time; sys.stdout.write('x' * 100_000 + '\\n'); sys.stdout.flush(); time.sleep(300)"
    async with world.supervisor(world.python(code)) as supervisor:
        await until(lambda: len("".join(supervisor.tail("api"))) == 100_000)
        assert max(map(len, supervisor.tail("api"))) <= 16_384
