from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Vidra
from vidra import __version__
from vidra.cli import main
from vidra.cli.groups import APPS, LazyCommand

HEAVY = {"prefect", "yt_dlp", "tinydb", "pydantic", "ruamel", "rich.console", "psutil", "orjson", "asyncio"}


def test_help_imports_nothing_heavy(home: Path) -> None:  # noqa: ARG001 - an empty home is wanted
    """`vidra --help` is typed often: it must not pay for what it does not use."""
    code = "import sys; from vidra.cli import main; main(['--help']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert HEAVY & set(done.stderr.split()) == set()
    assert all(app.name in done.stdout for app in APPS)


def test_help_costs_at_most_a_third_of_a_second(program: Vidra) -> None:
    """Processor time, the best of five: how busy the machine is with other work is not ours to measure."""
    costs = []
    for _ in range(5):
        before = os.times()
        program("--help")
        after = os.times()
        costs.append(
            after.children_user + after.children_system - before.children_user - before.children_system
        )
    assert min(costs) <= 0.35


def test_version_names_the_version(program: Vidra) -> None:
    """One line, on standard output."""
    assert program("--version").out == f"vidra {__version__}\n"


def test_a_group_shows_the_same_help_before_and_after_it_is_imported() -> None:
    """`vidra --help` lists texts that are written down twice."""
    for app in APPS:
        real = LazyCommand(app).load()
        assert (real.help or "").splitlines()[0] == app.help


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["flwo"], "No such command 'flwo'. Did you mean 'flow'?"),
        (["--versoin"], "No such option: --versoin"),
        (["flow", "run", "downlod-job", "x"], "no flow `downlod-job`; did you mean `download-job`?"),
        (["flow", "run", "download-job"], "Missing argument 'URL"),
    ],
)
def test_a_wrong_command_line_is_answered_with_one_error_and_exit_code_2(
    vidra: Vidra, arguments: list[str], expected: str
) -> None:
    """What is wrong, what was meant, and where help is."""
    said = vidra(*arguments)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("vidra: error: ")
    assert expected in said.err


@pytest.mark.parametrize("group", [[], ["flow"], ["flow", "run"], ["job"], ["state"], ["config"]])
def test_a_group_without_a_command_shows_its_help(vidra: Vidra, group: list[str]) -> None:
    """The person sees what there is; a script sees that nothing was done."""
    said = vidra(*group)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"Usage: {' '.join(['vidra', *group])}")


def test_every_problem_of_the_configuration_is_listed(vidra: Vidra, home: Path) -> None:
    """Not one per try."""
    (home / "vidra.yaml").write_text("downloads: {concurrency: 0, colour: red}\n")
    said = vidra("job", "ls")
    assert said.code == 2
    assert said.err.startswith("vidra: error: the configuration has 2 problems:\n  ")
    assert "downloads.concurrency" in said.err
    assert "downloads.colour" in said.err


def test_an_unexpected_error_leaves_its_traceback_in_a_private_file(vidra: Vidra) -> None:
    """The person gets two lines; whoever mends it gets everything."""
    sys.modules["vidra.cli.doctor"] = None  # type: ignore[assignment] # an installation that lacks a module
    try:
        said = vidra("doctor")
    finally:
        del sys.modules["vidra.cli.doctor"]
    crash = Path(said.err.strip().rpartition(" ")[2])
    assert said.code == 1
    assert "Traceback" not in said.err
    assert "ModuleNotFoundError" in crash.read_text()
    assert crash.stat().st_mode & 0o777 == 0o600


def test_debug_shows_the_traceback(vidra: Vidra) -> None:
    """Nothing has to be looked up in a file."""
    sys.modules["vidra.cli.doctor"] = None  # type: ignore[assignment] # as above
    try:
        said = vidra("--debug", "doctor")
    finally:
        del sys.modules["vidra.cli.doctor"]
    assert said.code == 1
    assert "Traceback (most recent call last)" in said.err


def test_a_reader_that_leaves_is_no_error(home: Path) -> None:  # noqa: ARG001 - an empty home is wanted
    """`vidra --help | head -0`: no traceback, no complaint of the interpreter."""
    process = subprocess.Popen(
        [sys.executable, "-m", "vidra.cli", "flow", "ls"],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=30) == 1


def test_ctrl_c_ends_with_130(vidra: Vidra, monkeypatch: pytest.MonkeyPatch) -> None:
    """As shells expect."""
    monkeypatch.setattr("vidra.cli.catalogue.shipped", _interrupt)
    assert vidra("flow", "ls").code == 130


def _interrupt(_folder: str) -> Path:
    raise KeyboardInterrupt


def test_secrets_in_an_error_are_masked(vidra: Vidra) -> None:
    """Error messages are pasted into chats."""
    said = vidra("flow", "run", "download-job", "http://x.test/", "--option", "pass word=hunter22")
    assert said.code == 2
    assert "hunter22" not in said.err


def test_main_reads_the_process_arguments(
    home: Path,  # noqa: ARG001 - an empty home is wanted
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The installed program calls `main()`."""
    monkeypatch.setattr(sys, "argv", ["vidra", "--version"])
    assert main() == 0
    assert capsys.readouterr().out == f"vidra {__version__}\n"
