"""The command line: everything a person does with Vidra. Commands only parse, call and print."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import typer

from vidra.cli import failures
from vidra.cli.exit_codes import ExitCode
from vidra.clock import SYSTEM_CLOCK
from vidra.errors import VidraError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `vidra` with these arguments (default: the process's own) and return its exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # `vidra job ls | head` is no error
        failures.silence_closed_output()
        return ExitCode.FAILED
    return code


def _run(arguments: Sequence[str]) -> int:
    from typer.main import get_command  # noqa: PLC0415 - as the root app below

    from vidra.cli import completion  # noqa: PLC0415 - the same
    from vidra.cli.root import app  # noqa: PLC0415 - keeps `import vidra.cli` cheap for the other modules

    if completion.VARIABLE in os.environ:
        completion.register_shells()
    try:
        code = get_command(app).main(list(arguments), prog_name=failures.PROGRAM, standalone_mode=False)
    except typer.TyperException as error:
        return failures.report_usage(error)
    except VidraError as error:
        return failures.report_expected(error)
    except (typer.Abort, KeyboardInterrupt):
        failures.say("interrupted")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - the outermost edge: nobody is left to handle it
        debug = "--debug" in arguments or bool(os.environ.get("VIDRA_DEBUG"))
        return failures.report_unexpected(error, debug=debug, now=SYSTEM_CLOCK.now())
    return code if isinstance(code, int) else ExitCode.OK
