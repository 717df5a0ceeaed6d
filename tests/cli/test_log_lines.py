from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from vidra.cli.invocation import Verbosity
from vidra.cli.log_lines import LogLines, configure_logging


@pytest.fixture(autouse=True)
def _root_logger_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def printed(capsys: pytest.CaptureFixture[str], verbosity: Verbosity, *, debug: bool = False) -> list[str]:
    """Log a bit of everything and return what a person sees of it."""
    configure_logging(verbosity, debug=debug)
    logging.getLogger("vidra.media").warning("slow site, token=abcdef")
    logging.getLogger("vidra.media").info("connected")
    logging.getLogger("prefect.client").error("a copy")
    lost = ZeroDivisionError("lost")
    logging.getLogger("asyncio").error("Future exception\nwas never retrieved", exc_info=lost)
    return capsys.readouterr().err.splitlines()


def test_only_our_own_warnings_reach_a_person(capsys: pytest.CaptureFixture[str]) -> None:
    """A library's traceback explains nothing to them; secrets are masked."""
    assert printed(capsys, Verbosity.NORMAL) == ["warning: vidra.media: slow site, token=***"]
    assert printed(capsys, Verbosity.QUIET) == []


def test_verbose_adds_details_and_other_packages_in_one_line_each(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Still no traceback."""
    assert printed(capsys, Verbosity.VERBOSE) == [
        "warning: vidra.media: slow site, token=***",
        "info: vidra.media: connected",
        "error: asyncio: Future exception",
    ]


def test_prefects_copies_of_a_runs_lines_need_the_highest_verbosity(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The display shows them already."""
    assert "error: prefect.client: a copy" in printed(capsys, Verbosity.DEBUG)


def test_debug_shows_tracebacks(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever mends it wants them."""
    assert "ZeroDivisionError" in printed(capsys, Verbosity.NORMAL, debug=True)[-1]


def test_logging_is_set_up_once_however_often_it_is_asked_for() -> None:
    """Each record is printed once."""
    for verbosity in Verbosity:
        configure_logging(verbosity, debug=False)
    assert sum(isinstance(handler, LogLines) for handler in logging.getLogger().handlers) == 1
