"""What the number means that `vidra` ends with; scripts rely on it, so it never changes."""

from __future__ import annotations

from enum import IntEnum, unique


@unique
class ExitCode(IntEnum):
    """Exit codes of every command."""

    OK = 0
    """Done."""
    FAILED = 1
    """Nothing of it worked, or a check found an error."""
    USAGE = 2
    """The command line or the configuration is wrong; nothing was started."""
    PARTIAL = 3
    """Some of it worked, some did not: a job `completed_with_errors` or put off, one of several jobs."""
    INTERRUPTED = 130
    """Ctrl-C, or the work was cancelled; what can be resumed was kept."""


MEANINGS = {
    ExitCode.OK: "Done.",
    ExitCode.FAILED: "Failed, or a check found an error.",
    ExitCode.USAGE: "The command line or the configuration is wrong; nothing was started.",
    ExitCode.PARTIAL: "Some entries of the job failed, the others are there (`completed_with_errors`); "
    "a site is left alone for now and the job put off; or some of several jobs did not obey.",
    ExitCode.INTERRUPTED: "Interrupted or cancelled; what can be resumed was kept.",
}
"""One sentence each, for the reference page."""
