"""How other processes of the same user reach the supervisor inside `vidra up`: words and place.

One request a connection: a line of JSON there, a line of JSON back. The socket is a file of mode 0600 in
the data folder (0700), and the other side must be the same user: there is no token to leak.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum, unique
from pathlib import Path
from typing import Final

from vidra.settings import Settings

SOCKET_NAME: Final = "control.sock"
LONGEST_REQUEST: Final = 65_536
"""Bytes."""
LONGEST_WAIT: Final = 3600.0
"""Seconds a client may ask to wait for a state."""
_LONGEST_ADDRESS: Final = 100
"""Bytes; the kernels allow 107 (Linux) and 103 (macOS)."""


@unique
class Ask(StrEnum):
    """What can be asked for."""

    LIST = "list"
    SHOW = "show"
    START = "start"
    STOP = "stop"
    RESTART = "restart"
    RESET = "reset"
    KEEP_WAITING = "keep_waiting"
    PROBE = "probe"
    WAIT = "wait"
    TAIL = "tail"


def socket_path(settings: Settings) -> Path:
    """Return where the socket of this data folder is."""
    return settings.storage.data_dir / SOCKET_NAME


@contextmanager
def address_of(path: Path) -> Iterator[str]:
    """Yield an address of that socket which is short enough for the kernel."""
    if len(os.fsencode(path)) <= _LONGEST_ADDRESS or sys.platform != "linux":
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def peer_is_us(peer: socket.socket) -> bool:
    """Whether the other side is a process of this user (or root), as the kernel says it (Linux)."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return True  # elsewhere the mode of socket and folder has to do
    credentials = peer.getsockopt(socket.SOL_SOCKET, option, 12)
    return int.from_bytes(credentials[4:8], sys.byteorder) in {os.getuid(), 0}
