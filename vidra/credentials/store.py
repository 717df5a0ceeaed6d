"""The store everybody uses: environment over keyring over encrypted file, with one index of them all."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import SecretStr

from vidra.credentials.environment import from_environment, overriding
from vidra.credentials.installation import installation_id
from vidra.credentials.interface import CredentialStore, Place, StoredIn, check_address
from vidra.credentials.keyring import SystemKeyring
from vidra.credentials.vault import IN_KEYRING, Vault
from vidra.errors import CredentialError, KeyringUnavailable
from vidra.redaction import register_secret

_log = logging.getLogger(__name__)
_SYSTEM = SystemKeyring()  # one per process: a keyring that hangs must hold up one thread, not one per store


def open_credentials(
    data_dir: Path,
    *,
    place: Place = Place.AUTO,
    keyring: SystemKeyring | None = None,
    environ: Mapping[str, str] | None = None,
) -> CredentialStore:
    """Return the credential store of this data folder; cheap, reads nothing until it is used.

    `place` says where secrets may go; `keyring` and `environ` stand in for the system's in tests.
    """
    return _StoredCredentials(
        data_dir,
        place=place,
        keyring=keyring or _SYSTEM,
        environ=os.environ if environ is None else environ,
    )


class _StoredCredentials(CredentialStore):
    """Keeps in the vault where each secret went, so that a keyring that is away is an error, not "none"."""

    def __init__(
        self, data_dir: Path, *, place: Place, keyring: SystemKeyring, environ: Mapping[str, str]
    ) -> None:
        self._data_dir, self._place, self._keyring, self._environ = data_dir, place, keyring, environ
        self._vault = Vault(data_dir / "credentials", environ)

    def save(self, scope: str, name: str, secret: SecretStr) -> StoredIn:
        """Store in the first place that takes it; refuse if the environment would hide it."""
        check_address(scope, name)
        if variable := overriding(self._environ, scope, name):
            raise CredentialError(f"`{name}` of `{scope}` is set by {variable}: change it there, or unset it")
        text = secret.get_secret_value()
        register_secret(text)
        with self._vault.edit() as entries:
            was_in_keyring = entries.get(scope, {}).get(name) == IN_KEYRING
            stored = self._saved_in_keyring(scope, name, text)
            if not stored and was_in_keyring:
                self._forget_in_keyring(scope, name)
            entry = IN_KEYRING if stored else self._vault.seal(scope, name, text)
            entries.setdefault(scope, {})[name] = entry
        return StoredIn.KEYRING if stored else StoredIn.FILE

    def load(self, scope: str, name: str) -> SecretStr | None:
        """Return the secret; raise when it is in a keyring that cannot be asked."""
        check_address(scope, name)
        text = from_environment(self._environ, scope, name)
        if text is None:
            text = self._stored(scope, name)
        if text is None:
            return None
        register_secret(text)
        return SecretStr(text)

    def delete(self, scope: str, name: str) -> bool:
        """Forget the stored secret; what the environment gives stays given."""
        check_address(scope, name)
        with self._vault.edit() as entries:
            return self._delete(entries, scope, name)

    def delete_scope(self, scope: str) -> int:
        """Forget the scope's stored secrets in one transaction."""
        check_address(scope)
        with self._vault.edit() as entries:
            return sum(self._delete(entries, scope, name) for name in list(entries.get(scope, {})))

    def names(self, scope: str) -> Sequence[str]:
        """Return the stored names; those that only the environment knows are not listed."""
        check_address(scope)
        return sorted(self._vault.entries().get(scope, {}))

    def scopes(self) -> Sequence[str]:
        """Return the scopes with stored secrets."""
        return sorted(self._vault.entries())

    def where(self, scope: str, name: str) -> StoredIn | None:
        """Return where the secret would be read from."""
        check_address(scope, name)
        if overriding(self._environ, scope, name):
            return StoredIn.ENVIRONMENT
        entry = self._vault.entries().get(scope, {}).get(name)
        if entry is None:
            return None
        return StoredIn.KEYRING if entry == IN_KEYRING else StoredIn.FILE

    def _stored(self, scope: str, name: str) -> str | None:
        entry = self._vault.entries().get(scope, {}).get(name)
        if entry is None:
            return None
        if entry != IN_KEYRING:
            return self._vault.open(scope, name, entry)
        try:
            return self._keyring.get(self._service(scope), name)
        except KeyringUnavailable as exc:
            raise KeyringUnavailable(
                f"`{name}` of `{scope}` is in the system keyring, which cannot be asked now: {exc}; "
                "unlock it, or sign in again with `credentials.place: file`"
            ) from exc

    def _saved_in_keyring(self, scope: str, name: str, text: str) -> bool:
        """Whether the keyring took it; where the owner insists on the keyring, raise instead of False."""
        if self._place is Place.FILE:
            return False
        try:
            self._keyring.set(self._service(scope), name, text)
        except KeyringUnavailable as exc:
            if self._place is Place.KEYRING:
                raise
            _log.info("keeping a secret in the encrypted file: %s", exc)
            return False
        return True

    def _delete(self, entries: dict[str, dict[str, str]], scope: str, name: str) -> bool:
        entry = entries.get(scope, {}).pop(name, None)
        if entry == IN_KEYRING:
            self._keyring.delete(self._service(scope), name)
        return entry is not None

    def _forget_in_keyring(self, scope: str, name: str) -> None:
        """Remove the older copy; a keyring that is away keeps it, but it is never read again."""
        try:
            self._keyring.delete(self._service(scope), name)
        except KeyringUnavailable as exc:
            _log.warning("an older copy of `%s` of `%s` stays in the keyring: %s", name, scope, exc)

    def _service(self, scope: str) -> str:
        return f"vidra.{installation_id(self._data_dir)[:12]}.{scope}"
