"""A supervisor with its control path, in the test's own event loop, and `vidra` beside it."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from tests.backends.desk import Desk
from tests.cli.conftest import shell
from tests.cli.shell import Shell
from tests.supervisor.conftest import anyio_backend, world
from vidra.engine.lifecycle.running import logs_folder, parts_folder
from vidra.supervisor.supervisor import Supervisor
from vidra.supervisor.survivors import find_survivors

__all__ = ["anyio_backend", "shell", "world"]


@pytest.fixture
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    """Return a configuration without back ends; those that a failed test left running are ended."""
    place: Shell = request.getfixturevalue("shell")
    made = Desk(place)
    yield made
    settings = made.settings
    home = Supervisor((), folder=parts_folder(settings), logs=logs_folder(settings))._home
    for survivor in find_survivors(f"{home}:"):
        survivor.identity.send(signal.SIGKILL)
