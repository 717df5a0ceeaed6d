"""After a download the server lists the files, with the smallest scan that does it."""

from __future__ import annotations

import asyncio
from pathlib import PurePath, PurePosixPath

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from tests.connections.virtual_time import run as run_virtually
from tests.servers.fake_plex import FakePlex
from tests.servers.sources import BASE, IDENTITY, PLEX_TOKEN
from vidra.servers.announce import Announced, announce, folders_to_scan
from vidra.servers.paths import PathMapping
from vidra.servers.plex import PlexServer
from vidra.servers.wire import FixedRoute

MAPPING = [PathMapping(ours="/data", theirs="/media")]
FILE = PurePosixPath("/data/1/New.mkv")


class ScanningPlex(FakePlex):
    """Lists the new file some time after a scan of its folder, or only after a scan of everything."""

    needs_full_scan, never = False, False

    def _refresh(self, request: object) -> None:
        super()._refresh(request)  # type: ignore[arg-type]  # handed through
        _, path = self.refreshed[-1]
        wanted = None if self.needs_full_scan else "/media/1"
        if not self.never and path == wanted and self.refreshed[-1][0] == "1":
            asyncio.get_running_loop().call_later(2.5, self.add, "1", "movie", 99, "New")


def _announced(fake: FakePlex) -> tuple[Announced, float]:
    async def main() -> Announced:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(fake.app())) as client:
            server = PlexServer(
                client=client,
                route=FixedRoute(BASE),
                machine_id="machine-1",
                token=SecretStr(PLEX_TOKEN),
                identity=IDENTITY,
            )
            return await announce(server, [FILE], mappings=MAPPING)

    return run_virtually(main())


def _fake(*, needs_full_scan: bool = False, never: bool = False) -> ScanningPlex:
    fake = ScanningPlex()
    fake.needs_full_scan, fake.never = needs_full_scan, never
    fake.add_section("1", "Films", "movie", "/media/1")
    fake.add_section("2", "More", "movie", "/media/2")
    return fake


def test_a_scan_of_the_folder_is_verified() -> None:
    """The path is the server's own; nothing else is scanned."""
    fake = _fake()
    announced, took = _announced(fake)

    assert (announced, took) == (Announced.SCOPED, 3)
    assert fake.refreshed == [("1", "/media/1")]


def test_a_scan_that_missed_the_file_is_widened() -> None:
    """Some network shares swallow path-scoped scans."""
    fake = _fake(needs_full_scan=True)

    assert _announced(fake)[0] is Announced.FULL
    assert fake.refreshed == [("1", "/media/1"), ("1", None), ("2", None)]


def test_a_file_that_never_appears_is_told() -> None:
    """A wrong mapping must show, not pass as success."""
    announced, took = _announced(_fake(never=True))

    assert announced is Announced.UNSEEN
    assert took == pytest.approx(60)


PATHS = st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(lambda parts: PurePosixPath("/", *parts))


@given(st.lists(PATHS, max_size=12))
def test_every_file_is_below_exactly_one_scanned_folder(files: list[PurePath]) -> None:
    """No folder is scanned twice, none is forgotten."""
    folders = folders_to_scan(files)

    for file in files:
        assert sum(file.is_relative_to(folder) for folder in folders) == 1
