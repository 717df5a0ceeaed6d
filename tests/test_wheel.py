"""The wheel holds what an installed Vidra needs, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Build the wheel and return the names of its files."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)],
        cwd=ROOT, check=True, capture_output=True, timeout=100,
    )  # fmt: skip
    (wheel,) = folder.glob("*.whl")
    return set(zipfile.ZipFile(wheel).namelist())


def test_the_wheel_ships_the_three_packages(names: set[str]) -> None:
    """`vidra`, `flows` and `tasks`, with the marker that says they are typed."""
    tops = {name.split("/")[0] for name in names if ".dist-info" not in name}

    assert tops == {"vidra", "flows", "tasks"}
    assert "vidra/py.typed" in names


def test_the_wheel_ships_the_data_folders(names: set[str]) -> None:
    """Defaults, schema, presets and deployments are found by an installed Vidra too."""
    assert {
        "vidra/_data/config/vidra.yaml",
        "vidra/_data/config/vidra.schema.json",
        "vidra/_data/config/presets/best-video.yaml",
        "vidra/_data/deployments/prefect.yaml",
    } <= names


def test_every_module_of_the_checkout_is_in_the_wheel(names: set[str]) -> None:
    """A forgotten package would only be missed by whoever installs it."""
    modules = {
        str(path.relative_to(ROOT))
        for package in ("vidra", "flows", "tasks")
        for path in (ROOT / package).rglob("*.py")
    }

    assert modules <= names
