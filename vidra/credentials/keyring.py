"""The system keyring behind a time limit, with the back ends that only pretend told apart."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from vidra.errors import KeyringUnavailable
from vidra.redaction import redact

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

TIME_LIMIT = 5.0
"""Seconds; a D-Bus prompt that nobody sees blocks for ever (SEC-21)."""

_FOR_MACOS = "keyring.backends.macOS.api"
"""Elsewhere its import runs `ldconfig`, a compiler and a linker in search of libraries that are not there."""
_PRETENDERS = frozenset({"keyring.backends.fail", "keyring.backends.null"})
_PLAIN = frozenset({("keyrings.alt.file", "PlaintextKeyring"), ("keyrings.alt.file_base", "Keyring")})

T = TypeVar("T")


class SystemKeyring:
    """Get, set and delete in one keyring; every failure is `KeyringUnavailable` with its reason.

    `backend` is for tests and for callers who chose one; without it the keyring library chooses.
    """

    def __init__(self, *, backend: KeyringBackend | None = None, time_limit: float = TIME_LIMIT) -> None:
        self._chosen, self._limit = backend, time_limit
        self._hung: threading.Thread | None = None

    def get(self, service: str, account: str) -> str | None:
        """Return the stored text, or None."""
        return self._call(lambda backend: backend.get_password(service, account))

    def set(self, service: str, account: str, text: str) -> None:
        """Store the text and read it back: a back end that forgets is not one."""

        def store(backend: KeyringBackend) -> str | None:
            backend.set_password(service, account, text)
            return backend.get_password(service, account)

        if self._call(store) != text:
            raise KeyringUnavailable("the keyring did not keep what was stored in it")

    def delete(self, service: str, account: str) -> None:
        """Remove the text; it is no error if there was none."""

        def remove(backend: KeyringBackend) -> None:
            if backend.get_password(service, account) is not None:
                backend.delete_password(service, account)

        self._call(remove)

    def _call(self, operation: Callable[[KeyringBackend], T]) -> T:
        """Run the operation in a thread of its own and wait no longer than the limit."""
        if self._hung is not None and self._hung.is_alive():
            raise KeyringUnavailable("an earlier call to the keyring still hangs")
        results: list[T] = []
        failures: list[BaseException] = []

        def work() -> None:
            try:
                results.append(operation(self._backend()))
            except Exception as exc:  # noqa: BLE001 - outermost edge of the thread: handed over, not dropped
                failures.append(exc)

        thread = threading.Thread(target=work, name="vidra-keyring", daemon=True)
        thread.start()
        thread.join(self._limit)
        if thread.is_alive():
            self._hung = thread
            raise KeyringUnavailable(f"the keyring did not answer within {self._limit:g} s (is it locked?)")
        if failures:
            raise _translated(failures[0]) from failures[0]
        return results[0]

    def _backend(self) -> KeyringBackend:
        if sys.platform != "darwin":
            sys.modules.setdefault(_FOR_MACOS, None)  # type: ignore[arg-type]  # None means: cannot be imported
        import keyring  # noqa: PLC0415 - its import looks for back ends, which `--help` must not pay for

        backend = self._chosen or keyring.get_keyring()
        module, name = type(backend).__module__, type(backend).__name__
        if module in _PRETENDERS:
            raise KeyringUnavailable(f"no usable keyring in this session (`{module}`)")
        if (module, name) in _PLAIN and f"{module}.{name}" != os.environ.get("PYTHON_KEYRING_BACKEND"):
            raise KeyringUnavailable(
                f"`{module}.{name}` keeps secrets unencrypted, and nobody asked for it by name"
            )
        return backend


def _translated(failure: BaseException) -> KeyringUnavailable:
    if isinstance(failure, KeyringUnavailable):
        return failure
    return KeyringUnavailable(f"the keyring failed: {type(failure).__name__}: {redact(str(failure))}")
