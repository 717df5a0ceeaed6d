"""One shared server for the tests of this folder, and machines that join it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.shell import Shell
from tests.scale.postgres import database_of, free_port, postgres
from tests.scale.shared_server import SharedServer, redis, shared_server
from tests.site.server import MediaSite


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedServer]:
    """Run a Prefect server on PostgreSQL, and on Redis where that is installed."""
    folder = tmp_path_factory.mktemp("shared")
    with (
        postgres() as port,
        redis(folder) as redis_port,
        shared_server(folder, database=database_of(port), redis_port=redis_port) as server,
    ):
        yield server


@pytest.fixture
def machines(tmp_path: Path, media_site: MediaSite, shared: SharedServer) -> Iterator[tuple[Shell, Shell]]:
    """Return two machines: each with a configuration, a state folder and a library of its own."""
    made: list[Shell] = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        folder = tmp_path / name
        made.append(Shell(folder, folder / "data", media_site, shim=free_port(), variables=shared.variables))
    yield made[0], made[1]
    for machine in made:
        machine.kill_everything()
