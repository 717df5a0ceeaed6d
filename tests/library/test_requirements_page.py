"""The page of requirements names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
PAGE = TESTS.parent / "docs" / "library-requirements.md"
NAMED = sorted(set(re.findall(r"`([\w/]+)::(\w+)`", PAGE.read_text(encoding="utf-8"))))


@pytest.mark.parametrize("module", sorted({module for module, _ in NAMED}))
def test_the_named_tests_of_a_module_exist(module: str) -> None:
    """A renamed test would leave a promise without its proof."""
    folder = TESTS if "/" in module else TESTS / "library"
    text = (folder / f"{module}.py").read_text(encoding="utf-8")
    assert [test for one, test in NAMED if one == module and f"\ndef {test}(" not in text] == []


def test_each_part_of_the_issue_has_its_table() -> None:
    """One to eight."""
    parts = re.findall(r"^## (\d) ", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert parts == list("12345678")
