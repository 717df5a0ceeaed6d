"""Where log records of this process go: one line each on standard error, and few of them."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

import typer

from vidra.cli.invocation import Verbosity
from vidra.clock import SYSTEM_CLOCK, iso
from vidra.redaction import redact

_OURS = ("vidra", "flows", "tasks")


class LogLines(logging.Handler):
    """Prints our own records from the chosen level on, other packages' only for who asked for more.

    A run's own lines come through its display, so Prefect's copies of them need the highest
    verbosity. A library's logged traceback is not for a person: it needs `debug`.
    """

    def __init__(self, verbosity: Verbosity, *, debug: bool) -> None:
        super().__init__(level=verbosity.log_level)
        self._verbosity, self._debug = verbosity, debug

    def emit(self, record: logging.LogRecord) -> None:
        """Print the record, secrets masked."""
        if self._verbosity < self._wanted_from(record.name.partition(".")[0]) and not self._debug:
            return
        text = redact(record.getMessage())
        if not self._debug:
            text = text.partition("\n")[0]
        elif record.exc_info:
            text += "\n" + redact(logging.Formatter().formatException(record.exc_info))
        try:
            typer.echo(f"{record.levelname.lower()}: {record.name}: {text}", err=True)
        except OSError:  # a full disk behind standard error must not fail the work that logs
            self.handleError(record)

    def _wanted_from(self, package: str) -> Verbosity:
        if package in _OURS:
            return Verbosity.QUIET
        return Verbosity.DEBUG if package == "prefect" else Verbosity.VERBOSE


def configure_logging(verbosity: Verbosity, *, debug: bool) -> None:
    """Make this process log like that; replaces what an earlier call set up, nothing else."""
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, LogLines)]:
        root.removeHandler(handler)
    root.addHandler(LogLines(verbosity, debug=debug))
    root.setLevel(logging.DEBUG if debug else verbosity.log_level)


class LogFile(logging.Handler):
    """Appends records to a rotated file, secrets masked, time first."""

    def __init__(self, path: Path) -> None:
        from vidra.supervisor.logs import RotatingFile  # noqa: PLC0415 - only a long run has a log file

        super().__init__(level=logging.INFO)
        self._file = RotatingFile(path, SYSTEM_CLOCK)

    def emit(self, record: logging.LogRecord) -> None:
        """Append the record, with its traceback if it has one."""
        text = redact(record.getMessage())
        if record.exc_info:
            text += "\n" + redact(logging.Formatter().formatException(record.exc_info))
        moment = iso(datetime.fromtimestamp(record.created, UTC))
        self._file.write([f"{moment} {record.levelname} {record.name}: {text}"])

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


def log_into_file(path: Path) -> None:
    """Also append what our own packages log, from INFO on, to this file."""
    handler = LogFile(path)
    for package in _OURS:
        logger = logging.getLogger(package)
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
