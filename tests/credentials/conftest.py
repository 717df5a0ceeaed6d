"""Real stores to run the contract over; the Secret Service is gnome-keyring on a bus of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from vidra.credentials import CredentialStore, MemoryCredentials, Place, open_credentials
from vidra.credentials.keyring import SystemKeyring

BUS_VARIABLE = "DBUS_SESSION_BUS_ADDRESS"
StoreFactory = Callable[[], CredentialStore]


@pytest.fixture(scope="session")
def secret_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """Run dbus-daemon and an unlocked gnome-keyring; yield the environment their clients need."""
    missing = [tool for tool in ("dbus-daemon", "gnome-keyring-daemon") if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"no real Secret Service: {', '.join(missing)} not installed")
    folder = tmp_path_factory.mktemp("secret-service")
    environment = _environment(folder)
    bus = subprocess.Popen(
        ["dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address=1"],  # noqa: S607 - from PATH
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True,
    )  # fmt: skip
    assert bus.stdout is not None
    environment[BUS_VARIABLE] = bus.stdout.readline().strip()
    keyring = _unlocked_keyring(environment)
    try:
        _wait_for_service(environment)
        yield environment
    finally:
        for process in (keyring, bus):
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=10)
        bus.stdout.close()


def _environment(folder: Path) -> dict[str, str]:
    """Return the surroundings of a session of its own: nothing of the user's is read or written."""
    (folder / "run").mkdir(mode=0o700)
    keep = {key: os.environ[key] for key in ("PATH", "LANG", "VIRTUAL_ENV") if key in os.environ}
    return keep | {
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder / "data"),
        "XDG_RUNTIME_DIR": str(folder / "run"),
    }


def _unlocked_keyring(environment: Mapping[str, str]) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        ["gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"],  # noqa: S607 - from PATH
        env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write("a password for tests\n")
    process.stdin.close()
    return process


def _wait_for_service(environment: Mapping[str, str]) -> None:
    ask = ["dbus-send", "--session", "--print-reply", "--dest=org.freedesktop.DBus", "/",
           "org.freedesktop.DBus.NameHasOwner", "string:org.freedesktop.secrets"]  # fmt: skip
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        answer = subprocess.run(ask, env=environment, capture_output=True, text=True, check=False)
        if "boolean true" in answer.stdout:
            return
    pytest.fail("gnome-keyring did not come up within 20 s")


def _memory_store() -> StoreFactory:
    store = MemoryCredentials()
    return lambda: store


@pytest.fixture(params=["memory", "file", "keyring"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StoreFactory:
    """Return a function that opens the same store anew, as each operation of Vidra does."""
    if request.param == "memory":
        return _memory_store()
    if request.param == "file":
        return lambda: open_credentials(tmp_path, place=Place.FILE, environ={})
    environment = request.getfixturevalue("secret_service")
    monkeypatch.setenv(BUS_VARIABLE, environment[BUS_VARIABLE])
    from keyring.backends.SecretService import Keyring

    ring = SystemKeyring(backend=Keyring())  # type: ignore[no-untyped-call]  # the library is half typed
    return lambda: open_credentials(tmp_path, place=Place.KEYRING, keyring=ring, environ={})
