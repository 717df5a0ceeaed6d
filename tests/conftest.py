"""Fixtures every room's tests may use."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests.site.fixtures import media_site

__all__ = ["media_site"]


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """Take away handlers a test has put up: the next one's log lines would go to where they write."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = [handler for handler in root.handlers if handler in handlers]
    root.setLevel(level)
