"""The control path: another process asks, the supervisor in `vidra up` does."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.supervisor.worlds import QUICK, World, until
from vidra.engine.lifecycle.control import address_of, socket_path
from vidra.engine.lifecycle.control_client import Control
from vidra.engine.lifecycle.control_server import ControlServer
from vidra.errors import BackendNotFound, EngineUnreachable, UsageError
from vidra.settings import Settings, StorageSettings
from vidra.supervisor.interface import BackendSpec, BackendState, NoticeKind, PortSpec, Remedy, Timings

pytestmark = pytest.mark.anyio
S = BackendState


def settings_in(folder: Path) -> Settings:
    """Return settings whose data folder this is."""
    folder.mkdir(parents=True, exist_ok=True)
    return Settings(storage=StorageSettings(data_dir=folder))


@asynccontextmanager
async def controlled(world: World, *specs: BackendSpec, data: Path | None = None) -> AsyncIterator[Control]:
    """Supervise the specs, or one that behaves, and yield the way to the supervisor."""
    settings = settings_in(data or world.folder.parent / "data")
    wanted = specs or (world.spec(),)
    async with (
        world.supervisor(*wanted) as supervisor,
        ControlServer(supervisor, parts={"part"}).listening(socket_path(settings)),
    ):
        yield Control(settings)


async def test_an_operator_in_another_process_is_obeyed(world: World) -> None:
    """Stop, start and restart; each answer says where it stands, and the address is the real one."""
    async with controlled(world) as control:
        up = await asyncio.to_thread(control.wait, "api", [S.HEALTHY], limit=10)
        await asyncio.to_thread(control.stop, "api")
        down = await asyncio.to_thread(control.wait, "api", [S.STOPPED], limit=10)
        await asyncio.to_thread(control.start, "api")
        again = await asyncio.to_thread(control.wait, "api", [S.HEALTHY], limit=10)
        (probe,) = await control.probe_async()

    assert (up.url or "").startswith("http://127.0.0.1:2")
    assert (down.url, down.pid) == (None, None)
    assert again.pid != up.pid
    assert (probe.backend.name, probe.answer) == ("api", "good")


async def test_trouble_arrives_with_evidence_and_remedies(world: World) -> None:
    """Requirements 79 to 81: the specified words, the listing of the folder, what can be done."""
    missing = world.spec(command=(str(world.script.parent / "nowhere" / "api-server"),))
    async with controlled(world, missing) as control:
        view = await asyncio.to_thread(control.wait, "api", [S.FAILED], limit=10)

    assert view.notice is not None
    assert view.notice.kind is NoticeKind.GAVE_UP
    assert view.notice.message == "Backend executable missing. Please reinstall Vidra."
    assert Remedy.DOWNLOAD_INSTALLER in view.notice.remedies
    assert any("expected:" in line for line in view.notice.evidence)


async def test_no_free_port_shows_the_scan_and_retry_helps(world: World) -> None:
    """Requirements 76 to 78: the words, a line for each port, and a start once one is free."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        async with controlled(world, world.spec(port=PortSpec(first=port, last=port))) as control:
            view = await asyncio.to_thread(control.wait, "api", [S.FAILED], limit=10)
            taken.close()
            await asyncio.to_thread(control.start, "api")
            after = await asyncio.to_thread(control.wait, "api", [S.HEALTHY, S.FAILED], limit=10)

    assert view.notice is not None
    assert view.notice.message == "Unable to start backend. No available ports."
    assert any(line.startswith(f"{port}: ") for line in view.notice.evidence)
    assert {Remedy.QUIT_OTHERS, Remedy.RETRY} <= set(view.notice.remedies)
    assert (after.state, after.notice) == (S.HEALTHY, None)


async def test_a_slow_start_waits_for_a_person_who_keeps_waiting(world: World) -> None:
    """Requirements 86 to 88: told at the limit, extended when asked, healthy in the end, never killed."""
    slow = world.spec(
        "--ready-after", "1.5", timings=_timings(startup_limit=0.5, extension=10.0), autostart=False
    )
    async with controlled(world, slow) as control:
        await asyncio.to_thread(control.start, "api", patience=20.0)
        await until(lambda: bool(world.notices(NoticeKind.SLOW_START)))
        view = await asyncio.to_thread(control.keep_waiting, "api")
        up = await asyncio.to_thread(control.wait, "api", [S.HEALTHY], limit=10)

    assert view.notice is not None
    assert view.notice.message == "Backend is taking longer than expected to start."
    assert view.notice.remedies == [Remedy.KEEP_WAITING, Remedy.VIEW_LOGS, Remedy.RESTART]
    assert (up.crashes, len(world.journalled("start"))) == (0, 1)


async def test_an_unknown_name_is_answered_with_the_known_ones(world: World) -> None:
    """The error is the supervisor's own, on the other side, too."""
    async with controlled(world) as control:
        with pytest.raises(BackendNotFound, match="declared are: api"):
            await asyncio.to_thread(control.stop, "apy")


async def test_waiting_ends_when_time_is_up(world: World) -> None:
    """The client is told, the supervisor goes on."""
    async with controlled(world) as control:
        with pytest.raises(TimeoutError):
            await asyncio.to_thread(control.wait, "api", [S.FAILED], limit=0.1)


@pytest.mark.parametrize(
    "request_line",
    [
        b"nonsense\n",
        b"{}\n",
        b'{"ask": "explode", "name": "api"}\n',
        b'{"ask": "stop"}\n',
        b'{"ask": "stop", "name": 7}\n',
        b'{"ask": "stop", "name": "../api"}\n',
        b'{"ask": "start", "name": "api", "command": ["rm"]}\n',
        b'{"ask": "wait", "name": "api", "limit": 1e9}\n',
        b'{"ask": "stop", "name": "' + b"x" * 100_000 + b'"}\n',
        b"\xff\xfe\n",
    ],
)
async def test_a_malformed_request_is_refused_and_harms_nobody(world: World, request_line: bytes) -> None:
    """Requirements 44 and 47: wrong types, names and structures get an error; the supervisor lives on."""
    async with controlled(world) as control:
        path = str(control._path)
        answer = await asyncio.to_thread(_say, path, request_line)
        view = await asyncio.to_thread(control.wait, "api", [S.HEALTHY], limit=10)

    assert answer["error"] in {"UsageError", "BackendNotFound"}
    assert view.state is S.HEALTHY


async def test_only_the_owner_reaches_the_socket(world: World) -> None:
    """Mode 0600; it is gone with the supervisor, and then the remedy is told."""
    async with controlled(world) as control:
        assert control._path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(EngineUnreachable, match="vidra up"):
        await asyncio.to_thread(control.list)
    assert not control._path.exists()


async def test_a_deep_data_folder_works_too(world: World) -> None:
    """The kernel takes 107 bytes as a socket's address; a path may be longer."""
    deep = world.folder.parent / ("deep" * 25) / ("folder" * 10)
    async with controlled(world, data=deep) as control:
        views = await asyncio.to_thread(control.list)

    assert [view.name for view in views] == ["api"]


async def test_a_dead_socket_file_is_no_obstacle(world: World) -> None:
    """What a killed engine left is replaced."""
    data = world.folder.parent / "data"
    left = socket_path(settings_in(data))
    with address_of(left) as address, socket.socket(socket.AF_UNIX) as dead:
        dead.bind(address)
    async with controlled(world) as control:
        assert len(await asyncio.to_thread(control.list)) == 1


async def test_usage_errors_stay_usage_errors(world: World) -> None:
    """What a client asks wrongly ends with exit code 2, not 1."""
    async with controlled(world) as control:
        with pytest.raises(UsageError):
            await asyncio.to_thread(control.wait, "api", [S.HEALTHY], limit=1e9)


def _say(path: str, line: bytes) -> dict[str, object]:
    with address_of(Path(path)) as address, socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(10)
        peer.connect(address)
        peer.sendall(line)
        answer: dict[str, object] = json.loads(peer.makefile("rb").readline())
        return answer


def _timings(**fields: Any) -> Timings:
    return replace(QUICK, **fields)
