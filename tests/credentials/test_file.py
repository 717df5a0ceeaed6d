"""The encrypted file: what lies on the disk, who may read it, and what happens when it is damaged."""

from __future__ import annotations

import base64
import json
import logging
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from vidra.credentials import CredentialStore, Place, installation_id, open_credentials
from vidra.errors import CredentialError, VaultDamaged

SECRET = SecretStr("the-secret-to-look-for")


def _store(data_dir: Path, **environ: str) -> CredentialStore:
    return open_credentials(data_dir, place=Place.FILE, environ=environ)


def test_no_file_holds_the_secret_in_clear(tmp_path: Path) -> None:
    """SEC-20: encrypted, not obfuscated; neither raw nor in base64."""
    _store(tmp_path).save("source:a", "token", SECRET)
    stored = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())

    assert SECRET.get_secret_value().encode() not in stored
    assert base64.b64encode(SECRET.get_secret_value().encode())[:20] not in stored


def test_files_are_0600_in_0700_folders_whatever_the_umask(tmp_path: Path) -> None:
    """SEC-20: a lax umask of the caller must not open them."""
    old = os.umask(0)
    try:
        _store(tmp_path / "data").save("source:a", "token", SECRET)
    finally:
        os.umask(old)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}

    assert modes == {
        "data": 0o700, "credentials": 0o700, "vault.json": 0o600, "vault.lock": 0o600, "key": 0o600,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["key", "vault.json"])
def test_a_file_found_open_is_closed_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """A copied or restored data folder often comes back 0644."""
    _store(tmp_path).save("source:a", "token", SECRET)
    (tmp_path / "credentials" / name).chmod(0o644)
    with caplog.at_level(logging.WARNING):
        loaded = _store(tmp_path).load("source:a", "token")

    assert loaded == SECRET
    assert (tmp_path / "credentials" / name).stat().st_mode & 0o777 == 0o600
    assert f"{name} was open to others" in caplog.text


def test_the_same_secret_is_never_sealed_alike(tmp_path: Path) -> None:
    """A repeated nonce would break AES-GCM altogether."""
    for scope in ("a", "b"):
        _store(tmp_path).save(scope, "token", SECRET)
    entries = json.loads((tmp_path / "credentials" / "vault.json").read_text())["entries"]

    assert entries["a"]["token"] != entries["b"]["token"]


def _change(vault: Path, change: str) -> None:
    document = json.loads(vault.read_text())
    entries = document["entries"]
    blob = bytearray(base64.b64decode(entries["a"]["token"].removeprefix("sealed:")))
    blob[-1] ^= 1
    changes = {
        "flipped bit": lambda: entries["a"].update(token="sealed:" + base64.b64encode(bytes(blob)).decode()),
        "moved entry": lambda: entries["a"].update(token=entries["b"]["token"]),
        "not base64": lambda: entries["a"].update(token="sealed:***"),
    }
    changes[change]()
    vault.write_text(json.dumps(document))


@pytest.mark.parametrize("change", ["flipped bit", "moved entry", "not base64"])
def test_a_changed_entry_does_not_open(tmp_path: Path, change: str) -> None:
    """Scope and name are authenticated: one source's token cannot be passed off as another's."""
    for scope in ("a", "b"):
        _store(tmp_path).save(scope, "token", SecretStr(f"token-of-{scope}"))
    _change(tmp_path / "credentials" / "vault.json", change)

    with pytest.raises(VaultDamaged, match="does not open"):
        _store(tmp_path).load("a", "token")
    assert _store(tmp_path).load("b", "token") == SecretStr("token-of-b")


@pytest.mark.parametrize(
    "content", [b"{", b"[]", b'{"version": 1}', b'{"version": 1, "entries": {"a": 1}}', b"\xff"]
)
def test_a_damaged_vault_is_an_error_and_left_alone(tmp_path: Path, content: bytes) -> None:
    """Overwriting it would turn a repairable accident into a loss."""
    _store(tmp_path).save("a", "token", SECRET)
    vault = tmp_path / "credentials" / "vault.json"
    vault.write_bytes(content)

    with pytest.raises(VaultDamaged):
        _store(tmp_path).save("a", "token", SECRET)
    assert vault.read_bytes() == content


def test_a_vault_of_a_newer_vidra_is_refused(tmp_path: Path) -> None:
    """Half-understood secrets are worse than a clear message."""
    _store(tmp_path).save("a", "token", SECRET)
    vault = tmp_path / "credentials" / "vault.json"
    vault.write_text(vault.read_text().replace('"version": 1', '"version": 2'))

    with pytest.raises(CredentialError, match="version 2"):
        _store(tmp_path).load("a", "token")


@pytest.mark.parametrize("key", [None, b"", b"too short"])
def test_a_lost_key_is_not_silently_replaced(tmp_path: Path, key: bytes | None) -> None:
    """A fresh key would make every older secret unreadable without anybody noticing."""
    _store(tmp_path).save("a", "token", SECRET)
    path = tmp_path / "credentials" / "key"
    path.unlink() if key is None else path.write_bytes(key)

    for operation in (
        lambda: _store(tmp_path).load("a", "token"),
        lambda: _store(tmp_path).save("b", "token", SECRET),
    ):
        with pytest.raises(VaultDamaged, match="sign in again"):
            operation()


def test_the_key_can_come_from_the_environment(tmp_path: Path) -> None:
    """A container keeps the key in its secret store and only the vault on the volume."""
    key = base64.b64encode(os.urandom(32)).decode()
    (tmp_path / "key.txt").write_text(f"{key}\n")
    _store(tmp_path, VIDRA_CREDENTIALS_KEY=key).save("a", "token", SECRET)

    assert _store(tmp_path, VIDRA_CREDENTIALS_KEY_FILE=str(tmp_path / "key.txt")).load("a", "token") == SECRET
    assert not (tmp_path / "credentials" / "key").exists()


@pytest.mark.parametrize("key", ["short", "%%%", base64.b64encode(b"16 bytes, not 32").decode()])
def test_a_bad_key_in_the_environment_names_variable_and_remedy(tmp_path: Path, key: str) -> None:
    """The value itself must not appear in the message."""
    with pytest.raises(CredentialError, match=r"VIDRA_CREDENTIALS_KEY.*openssl rand") as caught:
        _store(tmp_path, VIDRA_CREDENTIALS_KEY=key).save("a", "token", SECRET)

    assert key not in str(caught.value)


def test_another_key_is_recognised(tmp_path: Path) -> None:
    """A vault restored beside the wrong key must say so."""
    _store(tmp_path).save("a", "token", SECRET)
    (tmp_path / "credentials" / "key").write_bytes(os.urandom(32))

    with pytest.raises(VaultDamaged, match="the key is another one"):
        _store(tmp_path).load("a", "token")


def test_threads_that_save_at_once_lose_nothing(tmp_path: Path) -> None:
    """Each thread opens its own store, as each operation of Vidra does."""
    with ThreadPoolExecutor(8) as pool:
        list(
            pool.map(
                lambda n: _store(tmp_path).save(f"source:{n}", "token", SecretStr(f"token-{n}")), range(24)
            )
        )

    assert [_store(tmp_path).load(f"source:{n}", "token") for n in range(24)] == [
        SecretStr(f"token-{n}") for n in range(24)
    ]


_WRITER = """
import sys
from pathlib import Path
from pydantic import SecretStr
from vidra.credentials import Place, open_credentials
for n in range(10):
    store = open_credentials(Path(sys.argv[1]), place=Place.FILE)
    store.save(f"source:{sys.argv[2]}-{n}", "token", SecretStr(f"token-{sys.argv[2]}-{n}"))
"""


def test_processes_that_save_at_once_share_one_key_and_lose_nothing(tmp_path: Path) -> None:
    """Prefect runs flows in several processes; the first use of each creates the key."""
    writers = [subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path), str(w)]) for w in range(4)]

    assert [writer.wait(timeout=60) for writer in writers] == [0] * 4
    for writer in range(4):
        for n in range(10):
            loaded = _store(tmp_path).load(f"source:{writer}-{n}", "token")

            assert loaded == SecretStr(f"token-{writer}-{n}")


def test_a_failed_write_keeps_the_old_secret(tmp_path: Path) -> None:
    """An error must not cost what was there before."""
    _store(tmp_path).save("a", "token", SECRET)
    vault = tmp_path / "credentials" / "vault.json"
    vault.rename(tmp_path / "aside")
    vault.mkdir()

    with pytest.raises(CredentialError):
        _store(tmp_path).save("a", "token", SecretStr("another-secret"))
    vault.rmdir()
    (tmp_path / "aside").rename(vault)

    assert _store(tmp_path).load("a", "token") == SECRET
    assert not [path for path in vault.parent.iterdir() if path.name.startswith(".")]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(secret=st.text(st.characters(exclude_categories=["Cs"]), max_size=400))
def test_any_text_makes_the_round_trip(tmp_path: Path, secret: str) -> None:
    """Cookies have line ends, passwords have everything else."""
    _store(tmp_path).save("job:1", "cookies", SecretStr(secret))

    assert _store(tmp_path).load("job:1", "cookies") == SecretStr(secret)


def test_the_installation_id_is_made_once(tmp_path: Path) -> None:
    """Plex and Jellyfin take another id for another device and ask to sign in again."""
    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(lambda _: installation_id(tmp_path / "one"), range(16)))

    assert len(ids) == 1
    assert installation_id(tmp_path / "two") not in ids


def test_a_damaged_installation_id_is_an_error(tmp_path: Path) -> None:
    """A new id behind one's back would orphan every keyring entry."""
    (tmp_path / "installation_id").write_text("something else")

    with pytest.raises(CredentialError, match="32 hex digits"):
        installation_id(tmp_path)
