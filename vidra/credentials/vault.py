"""The encrypted file: which secrets there are, where each is kept, and the sealed ones themselves.

`<data>/credentials/vault.json` (0600, in a 0700 folder): `{"version": 1, "entries": {scope: {name: ENTRY}}}`
with ENTRY `"keyring"` or `"sealed:" + base64(nonce ‖ ciphertext)`. AES-256-GCM; scope and name are
authenticated with it, so that an entry moved to another place does not open. The key is 32 random
bytes in `<data>/credentials/key`, or base64 in `VIDRA_CREDENTIALS_KEY` (or `…_FILE`), off this disk.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from filelock import FileLock, Timeout

from vidra.credentials.private_files import (
    create_private,
    ensure_private_folder,
    read_private,
    replace_private,
)
from vidra.errors import CredentialError, VaultDamaged

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VERSION: Final = 1
IN_KEYRING: Final = "keyring"
_SEALED: Final = "sealed:"
_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
"""The length AES-GCM is specified for (NIST SP 800-38D, 5.2.1.1)."""
_LOCK_LIMIT: Final = 10.0
_KEY_VARIABLE: Final = "VIDRA_CREDENTIALS_KEY"

Entries = dict[str, dict[str, str]]


class Vault:
    """Entries by scope and name, reloaded at each call. Raises `VaultDamaged` and never overwrites damage."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._folder, self._environ = folder, environ
        self._path, self._key_path = folder / "vault.json", folder / "key"

    @contextmanager
    def edit(self) -> Iterator[Entries]:
        """Hold the cross-process lock, hand out the entries, store them if the block ends well."""
        ensure_private_folder(self._folder)
        lock = FileLock(self._folder / "vault.lock", timeout=_LOCK_LIMIT, mode=0o600)
        try:
            lock.acquire()
        except Timeout as exc:
            raise CredentialError(
                f"{self._path}: another process holds the lock for over {_LOCK_LIMIT:g} s"
            ) from exc
        try:
            entries = self.entries()
            before = json.dumps(entries, sort_keys=True)
            yield entries
            pruned = {scope: names for scope, names in entries.items() if names}
            if json.dumps(pruned, sort_keys=True) != before:
                text = json.dumps({"version": VERSION, "entries": pruned}, indent=1, sort_keys=True)
                self._store(text.encode())
        finally:
            lock.release()

    def entries(self) -> Entries:
        """Return what the file holds now; nothing if there is no file."""
        try:
            document = json.loads(read_private(self._path))
        except FileNotFoundError:
            return {}
        except OSError as exc:
            raise CredentialError(f"{self._path}: cannot be read: {exc}") from exc
        except ValueError as exc:
            raise VaultDamaged(self._path, f"not JSON ({exc})") from exc
        return self._checked(document)

    def seal(self, scope: str, name: str, secret: str) -> str:
        """Return the secret as an entry for this place."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._cipher(create=True).encrypt(nonce, secret.encode(), _bound_to(scope, name))
        return _SEALED + base64.b64encode(nonce + sealed).decode()

    def open(self, scope: str, name: str, entry: str) -> str:
        """Return the secret of a sealed entry; raise `VaultDamaged` if it does not open with our key."""
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - heavy, and only this file needs it

        try:
            blob = base64.b64decode(entry.removeprefix(_SEALED), validate=True)
            plain = self._cipher(create=False).decrypt(
                blob[:_NONCE_BYTES], blob[_NONCE_BYTES:], _bound_to(scope, name)
            )
        except (binascii.Error, ValueError, InvalidTag) as exc:
            reason = (
                f"`{name}` of `{scope}` does not open with the key; it was changed, or the key is another one"
            )
            raise VaultDamaged(self._path, reason) from exc
        return plain.decode()

    def _checked(self, document: object) -> Entries:
        if not isinstance(document, dict) or not isinstance(document.get("entries"), dict):
            raise VaultDamaged(self._path, "not a vault")
        if document.get("version") != VERSION:
            raise CredentialError(
                f"{self._path}: vault version {document.get('version')!r}, this Vidra knows {VERSION}"
            )
        entries: Entries = {}
        for scope, names in document["entries"].items():
            if not isinstance(names, dict) or not all(isinstance(entry, str) for entry in names.values()):
                raise VaultDamaged(self._path, f"the entries of `{scope}` are not a mapping to text")
            entries[scope] = dict(names)
        return entries

    def _store(self, data: bytes) -> None:
        try:
            replace_private(self._path, data)
        except OSError as exc:
            raise CredentialError(f"{self._path}: cannot be written: {exc}") from exc

    def _cipher(self, *, create: bool) -> AESGCM:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - heavy, see above

        return AESGCM(self._key(create=create))

    def _key(self, *, create: bool) -> bytes:
        given = self._given_key()
        if given is not None:
            return given
        try:
            key = read_private(self._key_path)
        except FileNotFoundError:
            key = self._new_key() if create else b""
        except OSError as exc:
            raise CredentialError(f"{self._key_path}: cannot be read: {exc}") from exc
        if len(key) != _KEY_BYTES:
            reason = "is missing" if not key else f"holds {len(key)} bytes instead of {_KEY_BYTES}"
            raise VaultDamaged(
                self._key_path, f"the key {reason}; restore it, or remove the vault and sign in again"
            )
        return key

    def _new_key(self) -> bytes:
        sealed = any(
            entry.startswith(_SEALED) for names in self.entries().values() for entry in names.values()
        )
        if sealed:
            return b""  # a new key would make the old entries unreadable for good
        ensure_private_folder(self._folder)
        return create_private(self._key_path, os.urandom(_KEY_BYTES))

    def _given_key(self) -> bytes | None:
        text = self._environ.get(_KEY_VARIABLE)
        path = self._environ.get(f"{_KEY_VARIABLE}_FILE")
        try:
            if not text and path:
                text = Path(path).read_text(encoding="utf-8").strip()
            key = base64.b64decode(text, validate=True) if text else None
        except (OSError, ValueError) as exc:
            raise CredentialError(
                f"{_KEY_VARIABLE}: cannot be read: {type(exc).__name__}; {_EXPECTED_KEY}"
            ) from exc
        if key is not None and len(key) != _KEY_BYTES:
            raise CredentialError(f"{_KEY_VARIABLE}: {len(key)} bytes; {_EXPECTED_KEY}")
        return key


_EXPECTED_KEY: Final = "expected 32 random bytes in base64 (`openssl rand -base64 32`)"


def _bound_to(scope: str, name: str) -> bytes:
    return f"vidra-vault-{VERSION}\0{scope}\0{name}".encode()
