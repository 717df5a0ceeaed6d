"""What a back end is started with."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.supervisor.worlds import World, until
from vidra.supervisor.environment import command_for, environment_for, isolated
from vidra.supervisor.interface import BackendSpec, BackendState, HealthSpec, PortSpec
from vidra.supervisor.repairing import repair

OURS = {
    "PATH": "/home/u/.venv/bin:/usr/bin",
    "VIRTUAL_ENV": "/home/u/.venv",
    "PYTHONPATH": "/home/u/lib",
    "PYTHONHOME": "/opt/python",
    "CONDA_PREFIX": "/opt/conda",
    "LD_LIBRARY_PATH": "/tmp/_MEI123",
    "LD_LIBRARY_PATH_ORIG": "/usr/local/lib",
    "LANG": "de_DE.UTF-8",
    "VIDRA_SERVER_TOKEN": "canary",
    "PREFECT_API_AUTH_STRING": "canary",
}


def test_an_isolated_runtime_inherits_nothing_of_ours() -> None:
    """Requirement 10: no virtual environment, user site, bundle libraries or secrets; the rest stays."""
    assert isolated(OURS) == {
        "PATH": "/usr/bin",
        "PYTHONNOUSERSITE": "1",
        "LD_LIBRARY_PATH": "/usr/local/lib",
        "LANG": "de_DE.UTF-8",
    }


def test_a_bundles_libraries_are_for_the_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there was no such variable before, the one-file loader keeps no original to restore."""
    bare = {name: value for name, value in OURS.items() if name != "LD_LIBRARY_PATH_ORIG"}
    as_usual = isolated(bare)
    monkeypatch.setattr(sys, "frozen", True, raising=False)

    assert "LD_LIBRARY_PATH" in as_usual
    assert "LD_LIBRARY_PATH" not in isolated(bare)
    assert isolated(OURS)["LD_LIBRARY_PATH"] == "/usr/local/lib"
    started_from_another = {**OURS, "LD_LIBRARY_PATH_ORIG": "/tmp/_MEI456"}
    assert "LD_LIBRARY_PATH" not in isolated(started_from_another)


@pytest.mark.anyio
async def test_a_restart_command_runs_in_its_users_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """`systemctl` needs neither our libraries nor our secrets."""
    monkeypatch.setenv("VIDRA_SERVER_TOKEN", "canary")
    monkeypatch.setenv("THEIRS", "stays")
    show = "import os; print(os.environ.get('VIDRA_SERVER_TOKEN'), os.environ.get('THEIRS'))"
    service = BackendSpec(
        name="plex",
        health=HealthSpec(url="http://127.0.0.1:9/"),
        restart_command=(sys.executable, "-S", "-c", show),
    )
    repaired, output = await repair(service)

    assert (repaired.ok, list(output)) == (True, ["None stays"])


def test_declared_variables_get_port_and_host(tmp_path: Path) -> None:
    """Requirements 7, 11 and 12: legacy names are declared, not built in."""
    spec = BackendSpec(
        name="api",
        command=("main",),
        env={"ELECTRON_MODE": "true", "PUBLIC_URL": "http://{host}:{port}", "TEMPLATE": "{other}"},
        port=PortSpec(variable="PORT"),
    )
    env = environment_for(
        spec, OURS, instance="i", token="t", values={"port": "8437", "host": "127.0.0.1"}, temporary=tmp_path
    )

    assert env["ELECTRON_MODE"] == "true"
    assert env["PUBLIC_URL"] == "http://127.0.0.1:8437"
    assert (env["PORT"], env["TEMPLATE"], env["TMPDIR"]) == ("8437", "{other}", str(tmp_path))


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (("main",), ["main", "--port", "8437"]),
        (("main", "--listen={host}:{port}"), ["main", "--listen=127.0.0.1:8437"]),
        (("main", "--fd", "{fd}"), ["main", "--fd", "7"]),
    ],
)
def test_the_port_is_passed_as_declared(command: tuple[str, ...], arguments: list[str]) -> None:
    """Requirement 5: `--port N` unless the command says where it goes."""
    spec = BackendSpec(name="api", command=command, port=PortSpec())

    assert command_for(command, spec, {"port": "8437", "host": "127.0.0.1", "fd": "7"}) == arguments


@pytest.mark.anyio
async def test_a_real_process_sees_exactly_that(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dump of its environment and its descriptors: nothing of ours leaks in."""
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    code = (
        "import os, time; e = os.environ\n"
        "print('PYTHONPATH' in e, e['MODE'], e['VIDRA_BACKEND_INSTANCE'].split(':')[1],"
        " sorted(map(int, os.listdir('/proc/self/fd')))[:4], os.getsid(0) == os.getpid(), flush=True)\n"
        "time.sleep(300)\n"
    )
    async with world.supervisor(world.python(code, env={"MODE": "desktop"})) as supervisor:
        await until(lambda: supervisor.tail("api"))
        assert supervisor.tail("api") == ("False desktop api [0, 1, 2, 3] True",)
        await supervisor.stop("api")
        await supervisor.wait("api", {BackendState.STOPPED}, limit=10)
