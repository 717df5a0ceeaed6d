"""A person at a real terminal: `vidra` with a controlling terminal, keys and what the screen says."""

from __future__ import annotations

import fcntl
import os
import pty
import subprocess
import termios
import threading
import time
from types import TracebackType
from typing import Self

from tests.cli.shell import Shell, environment


class Terminal:
    """One command in a terminal of its own; leaving the context ends it."""

    def __init__(self, shell: Shell, *arguments: str) -> None:
        self._master, slave = pty.openpty()
        self._said = b""
        self._process = subprocess.Popen(
            shell.command(*arguments),
            stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            env=environment() | shell.variables | {"TERM": "xterm", "COLUMNS": "120"},
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - nothing else makes Ctrl-C a signal
        )  # fmt: skip
        os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._reader.join(10)
        os.close(self._master)

    def press(self, keys: str) -> None:
        """Type; the character with code 3 is Ctrl-C."""
        os.write(self._master, keys.encode())

    def expect(self, text: str, seconds: float) -> None:
        """Return once the screen has shown the text."""
        deadline = time.monotonic() + seconds
        while text not in self._said.decode("utf-8", "replace"):
            assert time.monotonic() < deadline, self._said.decode("utf-8", "replace")[-2000:]
            time.sleep(0.05)

    @property
    def screen(self) -> str:
        """Everything that was shown so far."""
        return self._said.decode("utf-8", "replace")

    def end(self, seconds: float) -> int:
        """Wait for the command to end; return its exit code."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(self._said.decode("utf-8", "replace")[-2000:]) from None

    def _read(self) -> None:
        while True:
            try:
                chunk = os.read(self._master, 4096)
            except OSError:  # Linux says so when the last process has closed its end
                return
            if not chunk:
                return
            self._said += chunk
