"""Guards of the layout: what architecture section 1 fixes stays so."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from ruamel.yaml import YAML

import flows
import tasks
import vidra
from vidra.datafiles import shipped

ROOT = Path(vidra.__file__).resolve().parent.parent
EXPECTED_TOP = {
    "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "Makefile",
    "constraints.txt", "flows", "tasks", "vidra", "config", "deployments", "tests", "benchmarks",
    "docs", ".ci", ".gitignore",
}  # fmt: skip


def _deployments() -> list[dict[str, object]]:
    text = (shipped("deployments") / "prefect.yaml").read_text(encoding="utf-8")
    return list(YAML(typ="safe").load(text)["deployments"])


def test_the_three_packages_share_one_parent_folder() -> None:
    """Somebody else's `flows` or `tasks` on the path would otherwise be imported unnoticed."""
    parents = {Path(str(package.__file__)).resolve().parent.parent for package in (vidra, flows, tasks)}

    assert parents == {ROOT}


def test_the_top_level_holds_what_the_plan_names() -> None:
    """A new top-level entry is a decision, not an accident."""
    if not (ROOT / ".git").exists():
        pytest.skip("only a checkout has a top level of its own")
    listing = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607 - git is looked up like everywhere
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.rstrip("\0").split("\0")  # fmt: skip

    assert {line.split("/")[0] for line in listing} <= EXPECTED_TOP


@pytest.mark.parametrize("folder", ["config", "deployments"])
def test_data_folders_hold_no_python(folder: str) -> None:
    """`config/` and `deployments/` are data; code there would escape every gate."""
    assert list((ROOT / folder).rglob("*.py")) == []


@pytest.mark.parametrize("package", [flows, tasks])
def test_flows_and_tasks_have_docstring_only_init_files(package: object) -> None:
    """Importing one flow must not pull in the others."""
    source = Path(str(getattr(package, "__file__", ""))).read_text(encoding="utf-8")

    assert source.strip().startswith('"""')
    assert source.count("\n") == 1


def test_every_deployment_entrypoint_loads_from_the_flows_package() -> None:
    """A file-path entrypoint loads the file as a second module, and exceptions stop matching."""
    for deployment in _deployments():
        module_path, _, name = str(deployment["entrypoint"]).rpartition(".")
        flow = getattr(importlib.import_module(module_path), name)

        assert flow.fn.__module__.startswith("flows.")
        assert flow.name == deployment["name"]


def test_no_deployment_pulls_code() -> None:
    """Pull steps run programs of their own choosing on the worker (CVE-2026-5366)."""
    text = (shipped("deployments") / "prefect.yaml").read_text(encoding="utf-8")

    assert YAML(typ="safe").load(text)["pull"] in ([], None)
    assert all(not deployment.get("pull") for deployment in _deployments())


@pytest.mark.parametrize("path", sorted((ROOT / "flows").glob("[a-z]*.py")), ids=lambda path: path.name)
def test_a_flow_file_stays_under_a_hundred_lines(path: Path) -> None:
    """A longer one holds logic that belongs elsewhere."""
    assert len(path.read_text(encoding="utf-8").splitlines()) < 100


def test_no_module_is_longer_than_five_hundred_lines() -> None:
    """A file that needs a tour has the wrong walls."""
    long = {
        str(path.relative_to(ROOT)): count
        for package in ("vidra", "flows", "tasks")
        for path in (ROOT / package).rglob("*.py")
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > 500
    }

    assert long == {}


def test_every_dependency_names_the_reason_of_its_ceiling() -> None:
    """A pin without a reason is never lifted again."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    dependencies = tomllib.loads(text)["project"]["dependencies"]
    pinned = ("prefect", "fastapi", "sqlalchemy")
    ceilings = [d for d in dependencies if "<" in d and d.startswith(pinned)]

    for dependency in ceilings:
        line = next(line for line in text.splitlines() if f'"{dependency}"' in line)

        assert "#" in line, line


def test_the_prefect_server_can_be_imported_with_the_installed_versions() -> None:
    """With a newer fastapi this import dies, with pip none the wiser."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", "import prefect.server.api.server"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr[-2000:]
