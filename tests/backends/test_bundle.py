"""The one-file build: what its recipe declares, and (long) that it works where there is no Python."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from vidra.cli import bundled
from vidra.engine.programs import RUN_MODULE, module_command, vidra_command

ROOT = Path(__file__).parents[2]
SPEC = (ROOT / "deployments" / "bundle" / "vidra.spec").read_text(encoding="utf-8")
LARGEST = 200_000_000


def test_the_spec_declares_what_is_found_by_name() -> None:
    """Requirements 52, 53: flows, parts, extractors, notification services, dialects are loaded by name."""
    for package in ("vidra", "flows", "tasks", "prefect", "yt_dlp", "apprise", "uvicorn", "aiosqlite"):
        assert f'"{package}"' in SPEC
    assert "hiddenimports=hidden_imports" in SPEC


def test_the_spec_declares_what_is_read_from_disk() -> None:
    """Requirement 55: our defaults, Prefect's migrations and pages, the versions that doctor compares."""
    for text in ("_data/config", "_data/deployments", "_migrations", "imageio_ffmpeg", "copy_metadata"):
        assert text in SPEC


def test_parts_are_started_from_whatever_runs_us(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python gets `-m`; a frozen executable has none and gets our own word for it."""
    as_usual = module_command("vidra.engine.work", "--pool", "p")
    monkeypatch.setattr(sys, "frozen", True, raising=False)

    assert as_usual == [sys.executable, "-m", "vidra.engine.work", "--pool", "p"]
    assert module_command("vidra.engine.work") == [sys.executable, RUN_MODULE, "vidra.engine.work"]
    assert vidra_command("up") == [sys.executable, "up"]


def test_only_our_own_modules_are_run(capsys: pytest.CaptureFixture[str]) -> None:
    """`__run-module os` is a wrong command of `vidra`, not a way to run anything."""
    assert bundled.main([RUN_MODULE, "this"]) == 2
    assert RUN_MODULE in capsys.readouterr().err


def test_what_dies_with_its_parent_is_not_started_after_its_death() -> None:
    """Between the supervisor's fork and our request for the signal it may have died: then we leave."""
    done = subprocess.run(
        [sys.executable, "-m", "vidra.cli.bundled", "__with-parent", "1", "/bin/echo", "started"],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (1, "")


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_the_bundle_is_one_file_that_needs_no_python(tmp_path: Path) -> None:
    """Requirements 48 to 51, 54, 56, 57: built, small enough, and `vidra doctor` inside is content."""
    builder = shutil.which("pyinstaller", path=str(Path(sys.executable).parent))
    if builder is None:
        pytest.skip("the extra `bundle` is not installed")
    subprocess.run(
        [builder, "--noconfirm", "--distpath", tmp_path / "dist", "--workpath", tmp_path / "work",
         ROOT / "deployments" / "bundle" / "vidra.spec"],
        cwd=tmp_path, capture_output=True, check=True,
    )  # fmt: skip
    (program,) = (tmp_path / "dist").iterdir()
    bare = {
        "HOME": str(tmp_path),
        "PATH": str(tmp_path / "nothing"),
        "VIDRA_SERVER_DATA": str(tmp_path / "d"),
    }

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [program, *arguments], env=bare, capture_output=True, text=True, timeout=300, check=False
        )

    doctor, presets = run("doctor"), run("config", "show")
    assert program.stat().st_size < LARGEST
    assert (doctor.returncode, "0 errors" in doctor.stdout) == (0, True), doctor.stdout + doctor.stderr
    assert presets.returncode == 0, presets.stderr
