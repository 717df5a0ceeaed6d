"""Fixtures every room's tests may use."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator

import pytest

from tests.cli.prepared import prepared_home
from tests.site.fixtures import media_site
from vidra import redaction

__all__ = ["media_site", "prepared_home"]


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Begun in the background of a shell, we and all that we start would not hear Ctrl-C, which tests send.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """Take away handlers a test has put up: the next one's log lines would go to where they write."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = [handler for handler in root.handlers if handler in handlers]
    root.setLevel(level)


@pytest.fixture(autouse=True)
def _secrets_as_they_were() -> Iterator[None]:
    """Forget a test's secrets: a made-up one such as `127.0.0.1` would be masked in what others read."""
    before = set(redaction._known)
    yield
    redaction._known.intersection_update(before)
