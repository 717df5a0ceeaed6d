"""Words, remedies, and what is read out of a program's last lines."""

from __future__ import annotations

import pytest

from vidra.supervisor.diagnosis import missing_dependency, remedies_for, split_trace, text_of
from vidra.supervisor.interface import BackendState, ExitReport, NoticeKind, Remedy

TRACE = (
    "starting",
    "Traceback (most recent call last):",
    '  File "main.py", line 1, in <module>',
    "    import pdfplumber",
    "ModuleNotFoundError: No module named 'pdfplumber'",
)


def test_clients_get_the_specified_words_for_each_state() -> None:
    """Requirements 21, 26 and 43."""
    assert text_of(BackendState.STARTING) == "Starting backend..."
    assert text_of(BackendState.HEALTHY) == "Ready"
    assert text_of(BackendState.UNHEALTHY) == text_of(BackendState.RESTARTING) == "Reconnecting..."
    assert len({text_of(state) for state in BackendState}) == len(BackendState) - 1


@pytest.mark.parametrize(
    ("kind", "cause", "labels"),
    [
        (NoticeKind.SLOW_START, None, ["Keep Waiting", "View Logs", "Restart"]),
        (NoticeKind.GAVE_UP, "NoFreePort", ["Quit other applications", "Retry", "View Full Logs"]),
        (NoticeKind.GAVE_UP, "ExecutableMissing", ["Download Installer", "View Full Logs"]),
        (NoticeKind.GAVE_UP, None, ["Restart", "View Full Logs"]),
        (NoticeKind.CRASHED, None, ["View Full Logs"]),
        (NoticeKind.RESTARTED, None, []),
    ],
)
def test_each_trouble_offers_what_the_specification_says(
    kind: NoticeKind, cause: str | None, labels: list[str]
) -> None:
    """Requirements 77, 80, 84 and 87."""
    assert [str(remedy) for remedy in remedies_for(kind, cause)] == labels
    assert all(isinstance(remedy, Remedy) for remedy in remedies_for(kind, cause))


def test_a_missing_module_is_recognised_by_the_last_error() -> None:
    """Requirement 82."""
    assert missing_dependency(TRACE) == (
        "a dependency is missing: ModuleNotFoundError: No module named 'pdfplumber'"
    )


@pytest.mark.parametrize("tail", [(), ("KeyError: 'x'",), (*TRACE, "recovered, listening", "Killed")])
def test_other_ends_are_no_missing_module(tail: tuple[str, ...]) -> None:
    """An import error that was survived is not why the program ended."""
    assert missing_dependency(tail) is None


def test_a_trace_is_kept_apart_and_the_error_is_in_both() -> None:
    """Requirement 83: without debug mode a person sees the error, not the trace."""
    plain, trace = split_trace(TRACE)

    assert plain == ("starting", TRACE[-1])
    assert trace == TRACE[1:]


@pytest.mark.parametrize(
    ("report", "text"),
    [
        (ExitReport(code=0), "exit code 0"),
        (ExitReport(signal=9), "killed by SIGKILL"),
        (ExitReport(signal=40), "killed by signal 40"),
        (ExitReport(), "ended, exit code unknown because another process was its parent"),
    ],
)
def test_an_exit_is_told_as_it_was(report: ExitReport, text: str) -> None:
    """No code is invented for an end nobody could observe."""
    assert str(report) == text
