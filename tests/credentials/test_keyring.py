"""The system keyring: chosen when it works, recognised when it does not, never waited for too long."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import keyring.backends.fail
import keyring.backends.null
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked
from pydantic import SecretStr

from tests.credentials.conftest import BUS_VARIABLE
from vidra.credentials import CredentialStore, Place, StoredIn, open_credentials
from vidra.credentials.keyring import SystemKeyring
from vidra.errors import KeyringUnavailable

SECRET = SecretStr("kept-in-the-keyring")


class DictKeyring(KeyringBackend):
    """A keyring in memory that can be locked, or made to hang, by the test."""

    priority = 1  # pyright: ignore[reportAssignmentType]  # the library documents a plain number

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # the library is half typed
        self.passwords: dict[tuple[str, str], str] = {}
        self.locked, self.answers = False, threading.Event()
        self.answers.set()

    def _reach(self) -> None:
        self.answers.wait(30)
        if self.locked:
            raise KeyringLocked("locked: prompt dismissed")

    def get_password(self, service: str, username: str) -> str | None:
        self._reach()
        return self.passwords.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._reach()
        self.passwords[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._reach()
        del self.passwords[service, username]


@pytest.fixture
def ring() -> Iterator[DictKeyring]:
    """Yield a keyring; let whoever still waits for it go in the end."""
    backend = DictKeyring()
    yield backend
    backend.answers.set()


def _store(
    data_dir: Path, backend: KeyringBackend, place: Place = Place.AUTO, limit: float = 5.0
) -> CredentialStore:
    return open_credentials(
        data_dir, place=place, keyring=SystemKeyring(backend=backend, time_limit=limit), environ={}
    )


def test_a_usable_keyring_is_preferred(tmp_path: Path, ring: DictKeyring) -> None:
    """Only the record of where the secret is goes to the disk."""
    where = _store(tmp_path, ring).save("source:a", "token", SECRET)

    assert where is StoredIn.KEYRING
    assert list(ring.passwords.values()) == [SECRET.get_secret_value()]
    assert not (tmp_path / "credentials" / "key").exists()


def _pretender(module: Any) -> KeyringBackend:
    backend: KeyringBackend = module.Keyring()
    return backend


@pytest.mark.parametrize("backend", [_pretender(keyring.backends.fail), _pretender(keyring.backends.null)])
def test_a_keyring_that_only_pretends_is_passed_over(tmp_path: Path, backend: KeyringBackend) -> None:
    """SEC-20: `fail` is what every server has, `null` accepts and forgets."""
    where = _store(tmp_path, backend).save("source:a", "token", SECRET)

    assert where is StoredIn.FILE
    assert _store(tmp_path, backend).load("source:a", "token") == SECRET


def test_insisting_on_the_keyring_never_ends_in_a_file(tmp_path: Path) -> None:
    """SEC-20: a clear error with an exit code, and nothing written."""
    with pytest.raises(KeyringUnavailable, match="no usable keyring") as caught:
        _store(tmp_path, _pretender(keyring.backends.fail), Place.KEYRING).save("source:a", "token", SECRET)

    assert caught.value.exit_code == 1
    assert not (tmp_path / "credentials" / "vault.json").exists()


def test_a_keyring_that_hangs_is_given_up(tmp_path: Path, ring: DictKeyring) -> None:
    """SEC-21: a D-Bus prompt on a machine without a screen waits for ever."""
    ring.answers.clear()
    began = time.monotonic()
    where = _store(tmp_path, ring, limit=0.2).save("source:a", "token", SECRET)

    assert where is StoredIn.FILE
    assert time.monotonic() - began < 3


def test_a_hanging_keyring_is_not_asked_again_meanwhile(tmp_path: Path, ring: DictKeyring) -> None:
    """SEC-21: one stuck thread, not one per call; when it comes back it is used again."""
    store = _store(tmp_path, ring, limit=0.2)
    ring.answers.clear()
    for n in range(5):
        store.save(f"source:{n}", "token", SECRET)
    waiting = [thread for thread in threading.enumerate() if thread.name == "vidra-keyring"]
    ring.answers.set()
    deadline = time.monotonic() + 10
    while store.save("source:later", "token", SECRET) is not StoredIn.KEYRING:
        assert time.monotonic() < deadline

    assert len(waiting) == 1


def test_a_locked_keyring_is_not_mistaken_for_an_empty_one(tmp_path: Path, ring: DictKeyring) -> None:
    """A wrong "not signed in" would send the owner to sign in again for nothing."""
    _store(tmp_path, ring).save("source:a", "token", SECRET)
    ring.locked = True

    with pytest.raises(
        KeyringUnavailable, match=r"`token` of `source:a` is in the system keyring.*unlock it"
    ):
        _store(tmp_path, ring).load("source:a", "token")
    with pytest.raises(KeyringUnavailable):
        _store(tmp_path, ring).delete("source:a", "token")
    ring.locked = False

    assert _store(tmp_path, ring).load("source:a", "token") == SECRET


def test_a_newer_copy_in_the_file_replaces_the_one_in_the_keyring(
    tmp_path: Path, ring: DictKeyring, caplog: pytest.LogCaptureFixture
) -> None:
    """A sign-in over SSH, where the keyring is away, must not lose to the older token."""
    _store(tmp_path, ring).save("source:a", "token", SECRET)
    ring.locked = True
    with caplog.at_level(logging.WARNING):
        _store(tmp_path, ring).save("source:a", "token", SecretStr("a-newer-token"))
    ring.locked = False

    assert _store(tmp_path, ring).load("source:a", "token") == SecretStr("a-newer-token")
    assert "older copy" in caplog.text


def test_two_data_folders_do_not_share_entries(tmp_path: Path, ring: DictKeyring) -> None:
    """One keyring per person, several installations: removing a source here must not sign it out there."""
    for folder in ("one", "two"):
        _store(tmp_path / folder, ring).save("source:a", "token", SecretStr(f"token-of-{folder}"))
    _store(tmp_path / "one", ring).delete_scope("source:a")

    assert _store(tmp_path / "two", ring).load("source:a", "token") == SecretStr("token-of-two")


def _in_session(environment: Mapping[str, str], data_dir: Path, code: str) -> str:
    program = (
        "import sys; from pathlib import Path; from pydantic import SecretStr\n"
        "from vidra.credentials import open_credentials\n"
        f"store = open_credentials(Path(sys.argv[1]))\n{code}"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(data_dir)],
        env=dict(environment), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_session_with_a_secret_service_needs_no_setting(
    secret_service: Mapping[str, str], tmp_path: Path
) -> None:
    """The whole path with nothing injected: two processes, the real library, the real service."""
    where = _in_session(
        secret_service, tmp_path, "print(store.save('source:a', 'token', SecretStr('over-dbus')))"
    )
    value = _in_session(secret_service, tmp_path, "print(store.load('source:a', 'token').get_secret_value())")

    assert (where, value) == ("keyring", "over-dbus")


def test_a_session_without_one_falls_back_to_the_file(tmp_path: Path) -> None:
    """SEC-20: the default on every server and in every container."""
    bare = {
        key: value for key, value in os.environ.items() if key not in {BUS_VARIABLE, "PYTHON_KEYRING_BACKEND"}
    }
    bare["XDG_RUNTIME_DIR"] = str(tmp_path)
    where = _in_session(bare, tmp_path, "print(store.save('source:a', 'token', SecretStr('in-a-file')))")
    value = _in_session(bare, tmp_path, "print(store.load('source:a', 'token').get_secret_value())")

    assert (where, value) == ("file", "in-a-file")


LOOK = """
import sys
started = []
sys.addaudithook(lambda event, args: started.append(args[0]) if event == "subprocess.Popen" else None)
from vidra.credentials.keyring import SystemKeyring
from vidra.errors import KeyringUnavailable
try:
    SystemKeyring().get("vidra", "nobody")
except KeyringUnavailable:
    pass
assert "keyring.core" in sys.modules
print(started)
"""


@pytest.mark.skipif(sys.platform == "darwin", reason="there the libraries are looked up for a purpose")
def test_looking_for_a_keyring_starts_no_program() -> None:
    """The library's part for macOS ran a compiler on every other system, in every flow run."""
    done = subprocess.run(
        [sys.executable, "-c", LOOK], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout == "[]\n"
