"""Slots and pace of sites, held by real processes against a real server."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.engine.polling import wait_until
from vidra.engine.environment import child_environment
from vidra.engine.lifecycle.server import EmbeddedServer
from vidra.engine.politeness.limits import apply_declared_limits, site_limit
from vidra.engine.runs import connected_client
from vidra.settings import LimitSettings

pytestmark = pytest.mark.slow


@pytest.fixture
def home(connected: EmbeddedServer) -> Path:
    """Return the home folder of the server."""
    return Path(connected.environment["PREFECT_HOME"])


def _taker(
    server: EmbeddedServer, file: Path, site: str, home: Path, *, times: int, seconds: float, **limits: Any
) -> subprocess.Popen[bytes]:
    command = [str(file), site, json.dumps(limits), str(times), str(seconds), str(home)]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.engine.slot_taker", *command],
        env=child_environment(server.environment), cwd=Path(__file__).parents[2],
    )  # fmt: skip


def _events(file: Path, kind: str = "") -> list[tuple[float, str]]:
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    told = [(float(moment), what) for what, moment in map(str.split, lines)]
    return sorted(event for event in told if not kind or event[1] == kind)


def _most_at_once(file: Path) -> int:
    now = most = 0
    for _, what in _events(file):
        now += 1 if what == "begin" else -1
        most = max(most, now)
    return most


def _taken(name: str) -> int:
    async def ask() -> int:
        async with connected_client() as client:
            return (await client.read_global_concurrency_limit_by_name(name)).active_slots

    return asyncio.run(ask())


def test_a_sites_slots_are_shared_by_processes(connected: EmbeddedServer, home: Path, tmp_path: Path) -> None:
    """Two processes with three downloads each: never more than two at once, all done, all given back."""
    site, file = "shared.example", tmp_path / "events"
    takers = [_taker(connected, file, site, home, times=3, seconds=0.6, site_downloads=2) for _ in range(2)]

    assert [taker.wait(90) for taker in takers] == [0, 0]
    assert len(_events(file, "begin")) == 6
    assert _most_at_once(file) == 2
    assert _taken(site_limit(site)) == 0


def test_a_site_is_asked_at_its_pace_by_all_processes(
    connected: EmbeddedServer, home: Path, tmp_path: Path
) -> None:
    """Sixty a minute are at least a second apart, whoever asks."""
    site, file = "paced.example", tmp_path / "events"
    takers = [
        _taker(connected, file, site, home, times=2, seconds=0.0, site_per_minute=60.0) for _ in range(2)
    ]

    assert [taker.wait(90) for taker in takers] == [0, 0]
    begun = [moment for moment, _ in _events(file, "begin")]
    assert len(begun) == 4
    assert begun[-1] - begun[0] >= 2.9  # single gaps tell of the machine, too


def test_a_killed_process_gives_its_slot_back(connected: EmbeddedServer, home: Path, tmp_path: Path) -> None:
    """PF-06: the next one need not wait for the lease to run out."""
    site, first, second = "killed.example", tmp_path / "first", tmp_path / "second"
    holder = _taker(connected, first, site, home, times=1, seconds=60, site_downloads=1)
    wait_until(lambda: bool(_events(first, "begin")), 60)
    holder.kill()
    holder.wait(10)

    taker = _taker(connected, second, site, home, times=1, seconds=0.0, site_downloads=1)

    assert taker.wait(45) == 0
    assert _taken(site_limit(site)) == 0


@pytest.mark.usefixtures("connected")
def test_the_servers_limits_become_what_the_settings_say() -> None:
    """Created, changed, deleted when no longer wanted; a dry run only says so; foreign ones stay."""

    def change(limits: dict[str, Any], *, dry_run: bool = False) -> set[str]:
        settings = LimitSettings.model_validate(limits)
        found = asyncio.run(apply_declared_limits(settings, dry_run=dry_run))
        return {f"{one.kind} {one.name}" for one in found if "declared" in one.name}

    async def foreign() -> str:
        from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate

        async with connected_client() as client:
            wanted = GlobalConcurrencyLimitCreate(name="declared-by-somebody-else", limit=1)
            await client.create_global_concurrency_limit(wanted)
            return "declared-by-somebody-else"

    asyncio.run(foreign())
    limits = {"sites": {"declared.example": {"downloads": 2, "per_minute": 6}}}
    names = {"vidra-site-declared.example", "vidra-pace-declared.example"}

    assert change(limits, dry_run=True) == {f"create {name}" for name in names}
    assert change(limits) == {f"create {name}" for name in names}
    assert change(limits) == {f"keep {name}" for name in names}
    limits["sites"]["declared.example"]["downloads"] = 3
    assert "update vidra-site-declared.example" in change(limits)
    assert change({}, dry_run=True) == {f"delete {name}" for name in names}
    assert change({}) == {f"delete {name}" for name in names}
    assert _taken("declared-by-somebody-else") == 0
