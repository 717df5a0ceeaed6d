from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Vidra
from tests.cli.records import a_job
from vidra.state import open_state


def completed(program: Vidra, shell: str, words: str) -> list[str]:
    """Press Tab behind these words and return what the shell is offered."""
    said = program(
        _VIDRA_COMPLETE=f"complete_{shell}",
        COMP_WORDS=words,
        COMP_CWORD=str(len(words.split(" ")) - 1),
        _TYPER_COMPLETE_ARGS=words,
        _TYPER_COMPLETE_FISH_ACTION="get-args",
    )
    assert said.err == ""
    return [line for line in said.lines if line]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell_is_printed(program: Vidra, shell: str) -> None:
    """To be sourced, or put where the shell looks."""
    said = program("--show-completion", shell)
    assert said.code == 0
    assert f"_VIDRA_COMPLETE=complete_{shell}" in said.out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_is_offered_the_groups(program: Vidra, shell: str) -> None:
    """In that shell's own form."""
    assert "doctor" in " ".join(completed(program, shell, "vidra do"))


def test_an_unknown_shell_is_refused_with_those_there_are(program: Vidra) -> None:
    """Nothing is installed anywhere."""
    said = program("--install-completion", "tcsh")
    assert said.code == 2
    assert "fish" in said.err


def test_install_writes_the_script_into_the_home(program: Vidra, home: Path) -> None:
    """And says where."""
    said = program("--install-completion", "bash")
    assert said.code == 0
    assert "_VIDRA_COMPLETE" in (home / ".bash_completions" / "vidra.sh").read_text()


def test_flow_names_are_offered(program: Vidra) -> None:
    """After `vidra flow run`."""
    assert completed(program, "bash", "vidra flow run d") == ["download-job"]


def test_ids_of_jobs_are_offered_newest_first(program: Vidra, home: Path) -> None:
    """With status and title, where the shell shows them."""
    with open_state(home / "data") as state:
        state.jobs.add(a_job("aa-1"))
        state.jobs.add(a_job("aa-2", metadata={"title": "A talk"}))
        state.jobs.add(a_job("bb-1"))
    assert completed(program, "bash", "vidra job show aa") == ["aa-2", "aa-1"]
    assert completed(program, "fish", "vidra job show aa-2") == ["aa-2\tqueued, A talk"]


def test_presets_are_offered_from_the_configuration_too(program: Vidra, home: Path) -> None:
    """The file named on the same command line counts."""
    (home / "mine.yaml").write_text("presets: {zz-talks: {description: Talks}}")
    words = "vidra --config mine.yaml flow run download-job --preset zz"
    assert completed(program, "bash", words) == ["zz-talks"]


def test_tab_is_silent_when_the_configuration_is_broken(program: Vidra, home: Path) -> None:
    """No error belongs into a half-typed line, and no data folder is made."""
    (home / "vidra.yaml").write_text("downloads: [")
    assert completed(program, "bash", "vidra job show ") == []
    assert not (home / "data").exists()


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed here")
def test_bash_completes_with_the_printed_script(program: Vidra, tmp_path: Path) -> None:
    """The real shell, the real script."""
    starter = tmp_path / "bin" / "vidra"
    starter.parent.mkdir()
    starter.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m vidra.cli "$@"\n')
    starter.chmod(0o755)
    script = program("--show-completion", "bash").out
    ask = 'COMP_WORDS=(vidra flow r); COMP_CWORD=2; _vidra_completion vidra; echo "${COMPREPLY[@]}"'
    done = subprocess.run(
        [shutil.which("bash") or "", "--norc", "-c", f'PATH="{starter.parent}:$PATH"\n{script}\n{ask}'],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.split() == ["run", "runs"]
