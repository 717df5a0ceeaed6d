"""One writer for everything a back end prints: stamped, rotated by day and size, seven days kept."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import IO, Final

from vidra.clock import Clock, iso
from vidra.redaction import redact

ROTATE_AT: Final = 10_000_000
"""Bytes; the specification's 10 MB."""
KEEP_DAYS: Final = 7
KEEP_PIECES: Final = 50
"""Rotated pieces kept at most: a back end that never stops printing must not fill the disk in a day."""
TAIL_LINES: Final = 50

_ERROR = re.compile(r"\b(?:ERROR|CRITICAL|FATAL|PANIC)\b|^Traceback |^\w*(?:Error|Exception)\b|^panic:")
_PIECE = re.compile(r"-(\d{4}-\d{2}-\d{2})(?:\.(\d+))?$")


class RotatingFile:
    """An append-only text file of mode 0600, `name.log`, whose older pieces are `name-<day>.<n>.log`."""

    def __init__(self, path: Path, clock: Clock, *, rotate_at: int = ROTATE_AT) -> None:
        self.path, self._clock, self._rotate_at = path, clock, rotate_at
        self._file: IO[bytes] | None = None
        self._size = 0
        self._day = clock.now().date()
        self._lost = 0

    def write(self, lines: Sequence[str]) -> None:
        """Append lines. On a full disk they are counted, and the count is written once there is room."""
        if not lines:
            return
        data = "".join(f"{line}\n" for line in lines).encode(errors="replace")
        try:
            self._turn_if_due(len(data))
            self._append(data)
        except OSError:  # a log that cannot be written must not stop supervision; the loss is reported below
            self._lost += len(lines)
            self.close()

    def close(self) -> None:
        """Close the file; the next write opens it again."""
        if self._file is not None:
            file, self._file = self._file, None
            file.close()

    def _append(self, data: bytes) -> None:
        file = self._file if self._file is not None else self._open()
        if self._lost:
            data = (
                f"{iso(self._clock.now())} vidra: {self._lost} lines could not be written\n".encode() + data
            )
        file.write(data)
        self._lost = 0
        self._size += len(data)

    def _open(self) -> IO[bytes]:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path.touch(mode=0o600)
        facts = self.path.stat()
        self._size = facts.st_size
        if self._size:
            self._day = min(self._day, datetime.fromtimestamp(facts.st_mtime, UTC).date())
        self._file = self.path.open("ab", buffering=0)
        return self._file

    def _turn_if_due(self, coming: int) -> None:
        if self._file is None:
            self._open()
        today = self._clock.now().date()
        if self._size and (self._day != today or self._size + coming > self._rotate_at):
            self.close()
            self.path.rename(self._free_name(self._day))
            self._day = today
            self._prune(today)
            self._open()
        self._day = today

    def _free_name(self, day: date) -> Path:
        stem, suffix = self.path.stem, self.path.suffix
        taken = [int(match[2] or 0) for piece in self._pieces() if (match := _day_of(piece, str(day)))]
        return self.path.with_name(f"{stem}-{day}.{max(taken, default=0) + 1}{suffix}")

    def _pieces(self) -> list[Path]:
        pattern = f"{self.path.stem}-????-??-??*{self.path.suffix}"
        return [piece for piece in self.path.parent.glob(pattern) if _PIECE.search(piece.stem)]

    def _prune(self, today: date) -> None:
        oldest = str(today - timedelta(days=KEEP_DAYS - 1))
        pieces = sorted(self._pieces(), key=_order, reverse=True)
        for place, piece in enumerate(pieces):
            if place >= KEEP_PIECES or _order(piece)[0] < oldest:
                piece.unlink(missing_ok=True)


def _day_of(piece: Path, day: str) -> re.Match[str] | None:
    match = _PIECE.search(piece.stem)
    return match if match is not None and match[1] == day else None


def _order(piece: Path) -> tuple[str, int]:
    match = _PIECE.search(piece.stem)
    return ("", 0) if match is None else (match[1], int(match[2] or 0))


class LogBook:
    """The log of one back end: both streams and the supervisor's own remarks, and a copy of errors."""

    def __init__(self, name: str, file: Path, errors: RotatingFile, clock: Clock) -> None:
        self.name, self._clock, self._errors = name, clock, errors
        self._file = RotatingFile(file, clock)
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._in_trace = False

    @property
    def path(self) -> Path:
        """Return where the log is."""
        return self._file.path

    def tail(self) -> tuple[str, ...]:
        """Return the last lines the back end itself wrote, without stamps."""
        return tuple(self._tail)

    def forget_tail(self) -> None:
        """Start a new tail: a new process begins."""
        self._tail.clear()
        self._in_trace = False

    def write(self, stream: str, lines: Sequence[str]) -> None:
        """Record what the back end wrote to `stream`."""
        stamp = iso(self._clock.now())
        clean = [redact(line) for line in lines]
        self._tail.extend(clean)
        self._file.write([f"{stamp} {stream} {line}" for line in clean])
        errors = [line for line in clean if self._is_error(line)]
        self._errors.write([f"{stamp} {self.name} {stream} {line}" for line in errors])

    def remark(self, text: str, *, error: bool = False, evidence: Sequence[str] = ()) -> None:
        """Record what the supervisor did or saw; errors, with their evidence, go to both files."""
        stamp = iso(self._clock.now())
        lines = [text, *(f"  | {line}" for line in evidence)]
        self._file.write([f"{stamp} vidra {redact(line)}" for line in lines])
        if error:
            self._errors.write([f"{stamp} {self.name} vidra {redact(line)}" for line in lines])

    def close(self) -> None:
        """Close the file of this back end; the shared error file belongs to the supervisor."""
        self._file.close()

    def _is_error(self, line: str) -> bool:
        """Whether the line reports an error or belongs to the stack trace above it."""
        if line.startswith("Traceback "):
            self._in_trace = True
        elif self._in_trace and not line.startswith((" ", "\t")):
            self._in_trace = False
            return True
        return self._in_trace or _ERROR.search(line) is not None
