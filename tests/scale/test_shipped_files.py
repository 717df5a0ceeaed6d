"""The compose file, the units, the server's settings: readable, consistent, about things that exist."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import typer
from ruamel.yaml import YAML

from tests.scale.shared_server import shipped_settings
from vidra.cli.root import app
from vidra.settings.environment import OTHER_VARIABLES
from vidra.settings.keys import by_path

DEPLOYMENTS: Final = Path(__file__).parents[2] / "deployments"
VERIFIER: Final = shutil.which("systemd-analyze")
UNITS: Final = sorted((DEPLOYMENTS / "systemd").glob("*.service"))


def _compose() -> Mapping[str, Any]:
    content: Mapping[str, Any] = YAML(typ="safe").load(DEPLOYMENTS / "compose.yaml")
    return content


def _commands() -> set[str]:
    group = typer.main.get_group(app)
    return set(group.list_commands(typer.Context(group)))


def _directives(unit: Path, name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", unit.read_text(encoding="utf-8"), re.MULTILINE)


def test_the_compose_file_names_only_services_and_volumes_that_it_has() -> None:
    """What depends on a service, shares its processes or mounts a volume finds it."""
    content = _compose()
    services = content["services"]

    assert {"postgres", "redis", "prefect-server", "vidra", "worker"} == set(services)
    for service in services.values():
        assert set(service.get("depends_on", {})) <= set(services)
        assert service.get("pid", "service:vidra").removeprefix("service:") in services
        named = {volume.partition(":")[0] for volume in service.get("volumes", [])}
        assert {name for name in named if re.fullmatch(r"\w+", name)} <= set(content["volumes"])
        for file in service.get("env_file", []):
            assert (DEPLOYMENTS / file).is_file()


def test_whoever_is_waited_for_to_be_healthy_can_be_healthy() -> None:
    """A condition on a service without a health check never comes true."""
    services = _compose()["services"]
    for service in services.values():
        for other, wanted in service.get("depends_on", {}).items():
            assert wanted["condition"] == "service_started" or "healthcheck" in services[other]


def test_the_compose_file_publishes_on_loopback_only_and_holds_no_password() -> None:
    """Others reach it through a proxy with TLS; who forgets the passwords is told so."""
    text = (DEPLOYMENTS / "compose.yaml").read_text(encoding="utf-8")
    published = [port for service in _compose()["services"].values() for port in service.get("ports", [])]

    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)
    assert re.findall(r"\$\{(POSTGRES_PASSWORD|PREFECT_API_AUTH_STRING):\?", text)
    assert not re.search(r"(PASSWORD|AUTH_STRING): [\w']", text)


def test_every_command_and_variable_of_the_shipped_files_exists() -> None:
    """A command that was renamed, or a setting that went, is found here and not by the owner."""
    known = {variable for key in by_path().values() for variable in key.variables} | OTHER_VARIABLES
    texts = [path.read_text(encoding="utf-8") for path in (DEPLOYMENTS / "compose.yaml", *UNITS)]
    commands = re.findall(r"\[vidra, ([\w-]+)", texts[0]) + re.findall(r"bin/vidra ([\w-]+)", "".join(texts))

    assert len(commands) >= 4
    assert set(commands) <= _commands()
    assert {name for text in texts for name in re.findall(r"\bVIDRA_\w+", text)} <= known | {"VIDRA_LIBRARY"}


def test_prefect_knows_every_setting_of_the_shared_server() -> None:
    """A setting that Prefect has renamed would be ignored without a word."""
    from prefect.settings import Settings
    from prefect.settings.legacy import _get_settings_fields

    assert set(shipped_settings()) - {"DO_NOT_TRACK"} <= set(_get_settings_fields(Settings))


@pytest.mark.skipif(VERIFIER is None, reason="no systemd-analyze on this machine")
@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_systemd_takes_the_unit(unit: Path, tmp_path: Path) -> None:
    """`systemd-analyze verify` has nothing to say; only the programs stand elsewhere here."""
    program = shutil.which("true")
    copy = tmp_path / unit.name
    copy.write_text(
        re.sub(r"/opt/vidra/\S+/bin/\w+", str(program), unit.read_text(encoding="utf-8")), "utf-8"
    )

    done = subprocess.run(
        [VERIFIER or "", "verify", "--man=no", str(copy)], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_unit_runs_as_a_user_of_its_own_and_is_started_again(unit: Path) -> None:
    """Checked without systemd too: never root, restarted, and given longer than our own limits to stop."""
    assert _directives(unit, "User")[0] not in {"", "root"}
    assert _directives(unit, "Restart")[0] in {"always", "on-failure"}
    assert int(_directives(unit, "TimeoutStopSec")[0]) >= 30
    assert _directives(unit, "ExecStart")[0].startswith("/opt/vidra/.venv/bin/")
