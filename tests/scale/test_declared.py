"""The commands that the compose file and the systemd units declare, run as they stand."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.scale.declared import DEPLOYMENTS, Compose, Declared, Here, unit
from tests.scale.postgres import PASSWORD, free_port, postgres
from tests.scale.shared_server import AUTH, OF_REDIS
from tests.site.server import MediaSite

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

OWNER: Mapping[str, str] = {"PREFECT_API_AUTH_STRING": AUTH, "POSTGRES_PASSWORD": PASSWORD}
REDIS_FILES = "PREFECT_REDIS_MESSAGING_PORT"


@dataclass(frozen=True, kw_only=True)
class Ground:
    """PostgreSQL and Redis, which Prefect stands on: the packages' here, the images' in containers."""

    postgres: int
    redis: int
    server: int
    """Port for the Prefect server."""

    def here(self, *further: tuple[str, str]) -> Here:
        """Return what stands for the containers' names and the published ports."""
        return Here(
            replaced=[
                ("@postgres:5432/", f"@127.0.0.1:{self.postgres}/"),
                ("@127.0.0.1:5432/", f"@127.0.0.1:{self.postgres}/"),
                ("//redis:6379/", f"//127.0.0.1:{self.redis}/"),
                ("//127.0.0.1:6379/", f"//127.0.0.1:{self.redis}/"),
                ("//prefect-server:4200/", f"//127.0.0.1:{self.server}/"),
                ("//127.0.0.1:4200/", f"//127.0.0.1:{self.server}/"),
                *further,
            ],
            whole={"redis": "127.0.0.1", "4200": str(self.server), "0.0.0.0": "127.0.0.1"},
        )


def _redis_as_declared(compose: Compose, port: int) -> Declared:
    redis = compose.service("redis", Here(replaced=[], whole={}))
    redis.command = [*redis.command, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(compose.folder)]
    program, *rest = redis.health
    redis.health = [program, "-p", str(port), *rest]
    return redis


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """Run both by the declared command lines and health checks."""
    if shutil.which("redis-server") is None or find_spec(OF_REDIS) is None:
        pytest.skip("no redis-server here, or Prefect's Redis messaging is not installed")
    compose = Compose(owner=OWNER, folder=tmp_path_factory.mktemp("ground"))
    with postgres() as database:
        ground = Ground(postgres=database, redis=free_port(), server=free_port())
        redis = _redis_as_declared(compose, ground.redis)
        with redis.running():
            redis.await_health(20)
            healthy = compose.service("postgres", ground.here())
            asked = {**healthy.environment, "PGHOST": "127.0.0.1", "PGPORT": str(database)}
            subprocess.run(healthy.health, env=asked, check=True, capture_output=True)
            yield ground


def _of_test(site: MediaSite) -> dict[str, str]:
    """Return what only a test has to say: ports of its own, and a site on loopback."""
    return {
        "VIDRA_SERVER__PORT": str(free_port()),
        "VIDRA_NETWORK__ALLOWED_ADDRESSES": json.dumps([site.base.removeprefix("http://")]),
        "VIDRA_DOWNLOADS__FREE_SPACE_FLOOR": "0",
    }


def _downloads(engine: Declared, added: Mapping[str, str], site: MediaSite, library: Path) -> None:
    """Download a file with the engine's own variables, as `docker compose exec` or `sudo -u vidra` would."""
    command = [str(Path(sys.executable).with_name("vidra")), "flow", "run", "download-job"]
    done = subprocess.run(
        [*command, site.url("/v/vid001.html")], env=engine.environment | dict(added),
        capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert [path.name for path in library.rglob("*.mp4")] == ["Test clip 1 [vid001].mp4"]
    assert "private Prefect server" not in done.stdout


def test_the_services_of_the_compose_file_work_together(
    ground: Ground, tmp_path: Path, media_site: MediaSite
) -> None:
    """Issue 3, item 6: server, engine and worker by their declared commands, variables and health checks."""
    compose = Compose(owner={**OWNER, "VIDRA_LIBRARY": str(tmp_path / "library")}, folder=tmp_path)
    server, engine, worker = (
        compose.service(name, ground.here()) for name in ("prefect-server", "vidra", "worker")
    )
    added = _of_test(media_site)
    with server.running(**{REDIS_FILES: str(ground.redis)}):
        server.await_health()
        with engine.running(**added):
            engine.await_words("Ready.")
            with worker.running(**added):
                worker.await_words("started!")
                _downloads(engine, added, media_site, tmp_path / "library")
    assert [one.process and one.process.returncode for one in (worker, engine)] == [0, 0]


@contextmanager
def _told_when_ready(folder: Path) -> Iterator[socket.socket]:
    """Listen as systemd does to a unit of `Type=notify`."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(folder / "notify"))
        ear.settimeout(120)
        yield ear


@pytest.mark.long
def test_the_systemd_units_work_together(ground: Ground, tmp_path: Path, media_site: MediaSite) -> None:
    """Issue 3, item 6: the same with the units' commands and environment files; systemd hears of `up`."""
    (tmp_path / "etc").mkdir()
    database = f"postgresql+asyncpg://prefect:{PASSWORD}@127.0.0.1:5432/prefect"
    secrets = f"PREFECT_SERVER_API_AUTH_STRING={AUTH}\nPREFECT_SERVER_DATABASE_CONNECTION_URL={database}\n"
    (tmp_path / "etc" / "prefect-server.secrets").write_text(secrets, "utf-8")
    reach = f"PREFECT_API_URL=http://127.0.0.1:4200/api\nPREFECT_API_AUTH_STRING={AUTH}\n"
    (tmp_path / "etc" / "environment").write_text(reach, "utf-8")
    library = f"downloads: {{library: {tmp_path / 'media'}}}\n"
    (tmp_path / "etc" / "vidra.yaml").write_text(library, "utf-8")
    here = ground.here(
        ("/etc/vidra", str(tmp_path / "etc")), ("/var/lib/", f"{tmp_path}/"),
        ("/opt/vidra/deployments", str(DEPLOYMENTS)),
    )  # fmt: skip
    server = unit("vidra-prefect-server.service", here, folder=tmp_path)
    engine = unit("vidra.service", here, folder=tmp_path)
    worker = unit("vidra-worker@.service", here, instance="2", folder=tmp_path)
    server.health = Compose(owner=OWNER, folder=tmp_path).service("prefect-server", ground.here()).health
    added = _of_test(media_site)
    with server.running(**{REDIS_FILES: str(ground.redis)}):
        server.await_health()
        with (
            _told_when_ready(tmp_path) as ear,
            engine.running(NOTIFY_SOCKET=str(tmp_path / "notify"), **added),
        ):
            assert b"READY=1" in ear.recv(4096)
            with worker.running(**added):
                worker.await_words("this-2")
                _downloads(engine, added, media_site, tmp_path / "media")
    assert [one.process and one.process.returncode for one in (worker, engine)] == [0, 0]


def test_the_compose_file_is_what_compose_files_are() -> None:
    """By the schema of the Compose Specification: a key that is misspelt or in the wrong place is found."""
    pytest.importorskip("check_jsonschema", reason="check-jsonschema is not installed")
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run(
        [*check, str(DEPLOYMENTS / "compose.yaml")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
