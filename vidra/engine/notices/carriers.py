"""The ways a message leaves this machine: a signed webhook, apprise, and a plain ping."""

from __future__ import annotations

import logging
import threading
import warnings
from datetime import datetime
from typing import Any, Self

import httpx

from vidra.credentials import CredentialStore
from vidra.engine.notices.secret_parts import secret_parts
from vidra.errors import VidraError
from vidra.notices import Parcel, compose, signed
from vidra.redaction import redact, register_secret

_import_lock = threading.Lock()


class _Masking(logging.Filter):
    """Masks the addresses that httpx logs for each request: they may be secrets."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask the line, and let it pass."""
        record.msg, record.args = redact(record.getMessage()), ()
        return True


logging.getLogger("httpx").addFilter(_Masking())


class NotDelivered(VidraError):
    """A message could not be handed over; the text says why and holds no secret."""


def secret_of(reference: str, store: CredentialStore, *, scope: str) -> str:
    """Return what `secret:NAME` means; raise `NotDelivered` if there is none, else `CredentialError`."""
    name = reference.removeprefix("secret:")
    found = store.load(scope, name)
    if found is None:
        variable = f"VIDRA_SECRET_{scope.upper()}_{name.upper()}"
        raise NotDelivered(
            f"`{reference}` is not set: put it into {variable}, or run `vidra notify secret {name}`"
        )
    value = found.get_secret_value()
    for part in secret_parts(value):
        register_secret(part)
    return value


def post(address: str, parcel: Parcel, *, key: str, now: datetime, timeout: float) -> None:
    """Post the signed parcel; raises `NotDelivered`. Redirects are not followed: they could leave TLS."""
    body, headers = signed(parcel, key=key, now=now)
    try:
        answer = httpx.post(address, content=body, headers=headers, timeout=timeout)
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        raise NotDelivered(f"the webhook cannot be reached: {exc!r}") from exc
    if not answer.is_success:
        raise NotDelivered(f"the webhook answered {answer.status_code}")


def ask(address: str, *, timeout: float) -> None:
    """Ask for the address, once more if that fails; raises `NotDelivered`."""
    try:
        with httpx.Client(transport=httpx.HTTPTransport(retries=1), timeout=timeout) as client:
            answer = client.get(address, headers={"User-Agent": "vidra"})
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        raise NotDelivered(f"cannot be reached: {exc!r}") from exc
    if not answer.is_success:
        raise NotDelivered(f"answered {answer.status_code}")


def tell_apprise(address: str, parcel: Parcel) -> None:
    """Hand the parcel to whatever service the address means; raises `NotDelivered`."""
    with _import_lock:  # its plug-ins are loaded on first use, which two threads must not do at once
        service = _service(address)
    if service is None:
        raise NotDelivered("not an apprise address; https://github.com/caronc/apprise/wiki lists them")
    message = compose(parcel.notices, dropped=parcel.dropped)
    with _Overheard() as heard:
        delivered = service.notify(body=message.text, title=message.title)
    if not delivered:
        raise NotDelivered("; ".join(heard.lines[-3:]) or "the service did not take the message")


def _service(address: str) -> Any:  # noqa: ANN401 - apprise ships no types
    with warnings.catch_warnings():
        # Its plug-ins import modules that newer Pythons warn of; that is for apprise to mend.
        warnings.simplefilter("ignore", DeprecationWarning)
        import apprise  # noqa: PLC0415 - 0.3 s that only who uses it shall pay

        return apprise.Apprise.instantiate(address)


class _Overheard(logging.Handler):
    """Collects what apprise's log says on this thread, which is the only place where it says why."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []
        self._thread = threading.get_ident()

    def __enter__(self) -> Self:
        logger = logging.getLogger("apprise")
        logger.addHandler(self)
        logger.propagate = False  # its lines may hold addresses; ours are masked
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("apprise").removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line."""
        if record.thread == self._thread:
            self.lines.append(redact(record.getMessage()))
