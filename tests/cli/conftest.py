"""A person at a terminal: an empty home, the program in this process, and the program as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.prepared import put_into
from tests.cli.shell import Shell
from tests.scale.postgres import free_port
from tests.site.server import MediaSite
from vidra.cli import main


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a command ended with."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> Sequence[str]:
        return self.out.splitlines()


Vidra = Callable[..., Said]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be a user without configuration and without state, in an empty folder."""
    for name in [name for name in os.environ if name.startswith(("VIDRA_", "XDG_", "PREFECT_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("VIDRA_SERVER_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def vidra(home: Path, capsys: pytest.CaptureFixture[str]) -> Vidra:  # noqa: ARG001 - the empty home is wanted
    """Run `vidra` in this process."""

    def run(*arguments: str) -> Said:
        capsys.readouterr()
        code = main(arguments)
        said = capsys.readouterr()
        return Said(code=code, out=said.out, err=said.err)

    return run


@pytest.fixture
def program(home: Path) -> Vidra:  # noqa: ARG001 - the empty home is wanted
    """Run `vidra` as a process of its own, as a shell would."""

    def run(*arguments: str, **variables: str) -> Said:
        done = subprocess.run(
            [sys.executable, "-m", "vidra.cli", *arguments],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **variables},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Said(code=done.returncode, out=done.stdout, err=done.stderr)

    return run


@pytest.fixture
def shell(tmp_path: Path, media_site: MediaSite, prepared_home: Path) -> Iterator[Shell]:
    """Return a shell with a data folder of its own in which an engine has been before."""
    with _shell(tmp_path, media_site) as made:
        put_into(made.data, prepared_home)
        yield made


@pytest.fixture
def new_shell(tmp_path: Path, media_site: MediaSite) -> Iterator[Shell]:
    """Return a shell that has no data folder yet."""
    with _shell(tmp_path, media_site) as made:
        yield made


@contextmanager
def _shell(root: Path, site: MediaSite) -> Iterator[Shell]:
    """Yield a shell; whatever it started is gone afterwards."""
    made = Shell(root, root / "data", site, shim=free_port(), concurrency=4)
    yield made
    made.kill_everything()
