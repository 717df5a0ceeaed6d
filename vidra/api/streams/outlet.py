"""The way past a connection's task: bytes that are written to it at once, ready-made."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable

from vidra.api.streams.message import Form
from vidra.redaction import redact

log = logging.getLogger(__name__)


class Outlet:
    """Writes bytes to one connection if nothing is in their way."""

    __slots__ = ("_write", "form")

    def __init__(self, write: Callable[[bytes], bool], form: Form) -> None:
        self._write = write
        self.form = form
        """How messages become the bytes; the same function for connections of the same kind."""

    def takes(self, data: bytes) -> bool:
        """Write the bytes; return False if the connection's own task has to."""
        try:
            return self._write(data)
        except Exception:  # noqa: BLE001 - the edge of one listener: logged, its task finds out, others go on
            log.error("a listener cannot be written to:\n%s", redact(traceback.format_exc()))  # noqa: TRY400 - redacted first
            return False
