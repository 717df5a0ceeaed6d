"""What the processes of `test_companion` do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from multiprocessing.connection import Connection


def echo(connection: Connection) -> None:
    """Send back what comes, and which process that was."""
    while (message := connection.recv()) is not None:
        connection.send((os.getpid(), message))


def tell_signals(connection: Connection) -> None:
    """Say what became of a program that ends by SIGTERM, begun here."""
    program = [sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"]
    connection.send(subprocess.run(program, check=False).returncode == -signal.SIGTERM)


def fall(connection: Connection) -> None:
    """End without a word."""
    connection.recv()
    raise RuntimeError("as told")
