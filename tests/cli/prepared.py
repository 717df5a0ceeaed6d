"""Prefect's home as an engine finds it from its second start on; making one takes twenty seconds."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.shell import Shell
from tests.scale.postgres import free_port
from tests.site.server import MediaSite

PASSWORD = "auth"
"""File that every home has for itself."""


@pytest.fixture(scope="session")
def prepared_home(tmp_path_factory: pytest.TempPathFactory, media_site: MediaSite) -> Path:
    """Return the home of an engine that has been up for a moment and has done nothing."""
    root = tmp_path_factory.mktemp("prepared")
    shell = Shell(root, root / "data", media_site, shim=free_port())
    try:
        shell.up()
        shell.down()
    finally:
        shell.kill_everything()
    return shell.data / "prefect"


def put_into(data: Path, prepared: Path) -> None:
    """Make a data folder with such a home."""
    data.mkdir(mode=0o700)
    shutil.copytree(prepared, data / "prefect", ignore=shutil.ignore_patterns(PASSWORD))
