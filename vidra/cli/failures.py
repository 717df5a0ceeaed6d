"""Turns whatever ends a command into one clear line and an exit code."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from datetime import datetime
from pathlib import Path

import typer

from vidra.cli.exit_codes import ExitCode
from vidra.errors import ConfigError, VidraError
from vidra.redaction import redact

PROGRAM = "vidra"
_CRASHES_KEPT = 10


def say(text: str) -> None:
    """Write an error to standard error, secrets masked: the first line marked, the others indented."""
    first, *others = redact(text).splitlines() or [""]
    typer.echo("\n".join([f"{PROGRAM}: error: {first}", *(f"  {line}" for line in others)]), err=True)


def report_expected(error: VidraError) -> int:
    """Say what went wrong and return the exit code the error's class names."""
    if isinstance(error, ConfigError) and len(error.problems) > 1:
        say(f"the configuration has {len(error.problems)} problems:\n{error}")
    else:
        say(str(error) or type(error).__name__)
    return error.exit_code


def report_usage(error: typer.TyperException) -> int:
    """Say what typer found wrong with the command line, and where help is."""
    message = error.format_message()
    if message.startswith("Usage:"):  # a group without a command: the message is its whole help
        typer.echo(message, err=True)
        return error.exit_code
    context = getattr(error, "ctx", None)
    command = PROGRAM if context is None else context.command_path
    say(f"{message}\nTry '{command} --help'.")
    return error.exit_code


def report_unexpected(error: BaseException, *, debug: bool, now: datetime) -> int:
    """Apologise in two lines; the traceback goes to a private file, or to the screen with `debug`."""
    story = redact("".join(traceback.format_exception(error)))
    if debug:
        typer.echo(story, err=True, nl=False)
        say(f"unexpected {type(error).__name__}")
        return ExitCode.FAILED
    path = _keep(story, now)
    say(f"unexpected {type(error).__name__}: {error}\nThis is a bug in Vidra. The traceback is in {path}")
    return ExitCode.FAILED


def _keep(story: str, now: datetime) -> Path:
    """Write the story to a new 0600 file and drop the oldest ones; fall back to the temporary folder."""
    name = f"crash-{now:%Y%m%dT%H%M%S}-{os.getpid()}.txt"
    try:
        folder = _crash_folder()
        _write_private(folder / name, story)
    except OSError:  # the disk may be the very reason we are here
        folder = Path(tempfile.mkdtemp(prefix="vidra-crash-"))
        _write_private(folder / name, story)
    for old in sorted(folder.glob("crash-*.txt"))[:-_CRASHES_KEPT]:
        old.unlink(missing_ok=True)
    return folder / name


def _crash_folder() -> Path:
    import platformdirs  # noqa: PLC0415 - only needed when something broke

    folder = platformdirs.user_log_path(PROGRAM, appauthor=False)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _write_private(path: Path, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)


def silence_closed_output() -> None:
    """Point standard output at nothing, after its reader left, so that the exit stays quiet."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
