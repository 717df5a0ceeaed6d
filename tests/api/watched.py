"""A shim as a process that notes what it does to the machine: `python -m tests.api.watched FOLDER`.

The token comes on standard input, so that no command line holds it. The log goes to `FOLDER/log.txt`;
on its end, what was written outside the folder, started, and dialled is in `FOLDER/deeds.json`.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path
from typing import Any, Final

WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES: Final = {
    "os.chmod", "os.chown", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink",
    "os.truncate", "os.utime",
}  # fmt: skip
STARTS: Final = {
    "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system", "pty.spawn",
    "subprocess.Popen",
}  # fmt: skip


class Watch:
    """Hears the interpreter's audit events."""

    def __init__(self, folder: Path) -> None:
        self.written: list[str] = []
        self.started: list[str] = []
        self.dialled: list[str] = []
        self._folder = folder.resolve()

    def hear(self, event: str, args: tuple[Any, ...]) -> None:
        """Take note of what leaves the folder or the process."""
        if event == "open" and isinstance(args[0], (str, bytes)) and int(args[2] or 0) & WRITING:
            self._note_path(args[0])
        elif event == "os.mkdir" and Path(os.fsdecode(args[0])).is_dir():
            return  # asked for whether it exists or not
        elif event in CHANGES:
            for path in args:
                if isinstance(path, (str, bytes)):
                    self._note_path(path)
        elif event in STARTS:
            self.started.append(f"{event} {args[:2]!r}")
        elif event == "socket.connect":
            self.dialled.append(str(args[1][0]) if isinstance(args[1], tuple) else str(args[1]))

    def _note_path(self, path: str | bytes) -> None:
        absolute = Path(os.path.realpath(os.fsdecode(path)))
        if not absolute.is_relative_to(self._folder) and absolute != Path(os.devnull):
            self.written.append(str(absolute))


def _log_to(file: Path) -> None:
    from vidra.api.log_masking import mask_secrets

    form = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(level=logging.DEBUG, format=form, filename=file)
    mask_secrets(logging.getLogger())


def main(folder: Path, token: str) -> None:
    """Serve until told to end, then write down what was done."""
    watch = Watch(folder)
    from tests.api import standalone

    _log_to(folder / "log.txt")
    sys.addaudithook(watch.hear)
    standalone.main(folder, token, preview_api=True, wrong_tokens_a_minute=10**6)
    deeds = {"written": watch.written, "started": watch.started, "dialled": watch.dialled}
    (folder / "deeds.json").write_text(json.dumps(deeds), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.stdin.readline().strip())
