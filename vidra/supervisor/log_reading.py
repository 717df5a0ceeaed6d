"""Reads the end of a back end's log, or of one of its older pieces, and of nothing else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from vidra.errors import PathRefused

_CHUNK: Final = 65_536
_MOST: Final = 8_000_000
"""Bytes read from the end of a log at most."""


def log_file(log: Path, piece: str | None = None) -> Path:
    """Return the log, or the piece of it with that file name, such as `api-2026-11-20.1.log`.

    Raises `PathRefused` for anything that is not a plain name of a piece of this very log: a client must
    not read other files by it.
    """
    if piece is None:
        return log
    plain = piece == Path(piece).name and piece not in {"", ".", ".."} and "\0" not in piece
    ours = piece == log.name or (piece.startswith(f"{log.stem}-") and piece.endswith(log.suffix))
    if not plain or not ours:
        raise PathRefused(piece[:200], log.parent, f"expected the name of a piece of {log.name}")
    return log.with_name(piece)


def last_lines(path: Path, count: int) -> list[str]:
    """Return the last lines; none while there is no file. Raises `PathRefused` for a link."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise PathRefused(path, path.parent, f"not a plain file: {error.strerror}") from error
    with os.fdopen(descriptor, "rb") as file:
        start = file.seek(0, os.SEEK_END)
        data = b""
        while start and data.count(b"\n") <= count and len(data) < _MOST:
            step = min(_CHUNK, start)
            start = file.seek(start - step)
            data = file.read(step) + data
    return data.decode("utf-8", "replace").splitlines()[-count:] if count else []
