"""The table of weaknesses names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "docs" / "media-server-weaknesses.md"
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TABLE.read_text(encoding="utf-8"))))


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_a_named_test_exists(file: str, test: str) -> None:
    """A renamed test would leave a promise without its proof."""
    assert f"\ndef {test}(" in (ROOT / file).read_text(encoding="utf-8")


def test_every_weakness_of_d1_has_a_row() -> None:
    """One to twenty-one."""
    part = TABLE.read_text(encoding="utf-8").partition("## D2")[0]

    assert [int(n) for n in re.findall(r"^\| (\d+) \|", part, re.MULTILINE)] == list(range(1, 22))
