"""How commands take a secret: from a file, a variable, or a prompt; never from the command line."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidra.errors import UsageError

if TYPE_CHECKING:
    from vidra.settings import Settings

SecretFile = Annotated[
    Path | None,
    typer.Option("--secret-file", metavar="FILE", help="Read the secret from a file; `-` is input."),
]
SecretEnv = Annotated[
    str | None,
    typer.Option("--secret-env", metavar="NAME", help="Read the secret from this variable."),
]


def read_secret(what: str, *, file: Path | None, variable: str | None) -> str:
    """Return a secret from a file (`-`: standard input), a variable, or a prompt that shows nothing."""
    if file is not None and variable is not None:
        raise UsageError("expected either --secret-file or --secret-env, not both")
    if variable is not None:
        if not os.environ.get(variable):
            raise UsageError(f"--secret-env: {variable} is not set")
        return os.environ[variable]
    if file is not None:
        return _first_line(sys.stdin.read() if str(file) == "-" else _text_of(file))
    if not sys.stdin.isatty():
        raise UsageError(
            f"nobody to ask for the {what}: give --secret-file (`-` reads input) or --secret-env"
        )
    return str(typer.prompt(what.capitalize(), hide_input=True, err=True))


def store_named(
    name: str,
    settings: Settings,
    save: Callable[[str, str, Settings], str],
    *,
    file: Path | None,
    variable: str | None,
) -> str:
    """Read the secret that settings refer to by this name, and save it; return where it is kept.

    Reads standard input where nothing is named and nobody sits at a terminal.
    """
    if file is None and variable is None and not sys.stdin.isatty():
        file = Path("-")
    value = read_secret(f"value of {name}", file=file, variable=variable)
    try:
        return save(name, value, settings)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--secret-file: {file} cannot be read: {error}") from error


def _first_line(text: str) -> str:
    line = text.strip().partition("\n")[0].strip()
    if not line:
        raise UsageError("--secret-file: expected the secret on the first line, found nothing")
    return line
