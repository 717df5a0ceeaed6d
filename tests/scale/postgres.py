"""A real PostgreSQL for tests: a cluster of its own on a free port, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

_ELSEWHERE: Final = Path("/usr/lib/postgresql")
"""Where Debian keeps the programs of each version, off the PATH."""
_SOMEBODY: Final = ("postgres", "nobody", "daemon")
"""Whom PostgreSQL may run as when these tests run as root, which it refuses."""


def program(name: str) -> str:
    """Return the path of a program of PostgreSQL, or skip the test saying that there is none."""
    found = shutil.which(name) or next(map(str, sorted(_ELSEWHERE.glob(f"*/bin/{name}"), reverse=True)), None)
    if found is None:
        pytest.skip(f"no PostgreSQL here: `{name}` is neither on PATH nor below {_ELSEWHERE}")
    return found


def free_port() -> int:
    """Return a port of loopback that nobody has this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


PASSWORD: Final = "made-up-for-tests"


@contextmanager
def postgres() -> Iterator[int]:
    """Run a cluster with the user and the database `prefect`; yield its port."""
    initdb, server = program("initdb"), program("postgres")
    folder = Path(tempfile.mkdtemp(prefix="vidra-postgres-"))  # pytest's own folders are closed to others
    who = _somebody(folder)
    try:
        data, port = folder / "data", free_port()
        (folder / "password").write_text(PASSWORD, "utf-8")
        secret = ["--auth", "scram-sha-256", "--pwfile", str(folder / "password")]
        made = [initdb, "-D", str(data), "-U", "prefect", *secret, "--no-sync", "-E", "UTF8"]
        subprocess.run(made, check=True, capture_output=True, cwd=folder, **who)
        log = (folder / "log").open("wb")
        settings = ["-c", "fsync=off", "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=60"]
        command = [server, "-D", str(data), "-k", str(folder), "-p", str(port), *settings]
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, **who)
        try:
            _make_database(folder, port)
            yield port
        finally:
            process.send_signal(signal.SIGINT)  # "fast": SIGTERM would wait until the last client has gone
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            log.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _somebody(folder: Path) -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    for name in _SOMEBODY:
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        os.chown(folder, user.pw_uid, user.pw_gid)
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    pytest.skip(f"PostgreSQL refuses to run as root, and none of {', '.join(_SOMEBODY)} exists here")


def database_of(port: int) -> str:
    """Return the address of the database as Prefect wants it."""
    return f"postgresql+asyncpg://prefect:{PASSWORD}@127.0.0.1:{port}/prefect"


def _make_database(folder: Path, port: int) -> None:
    from tests.engine.polling import wait_until

    where = ["-h", "127.0.0.1", "-p", str(port)]
    ready = [program("pg_isready"), *where, "-q"]
    wait_until(lambda: subprocess.run(ready, check=False).returncode == 0, 60)
    make = [program("createdb"), *where, "-U", "prefect", "prefect"]
    subprocess.run(make, check=True, cwd=folder, env={**os.environ, "PGPASSWORD": PASSWORD})
