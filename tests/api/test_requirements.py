"""The page that maps requirements to tests names tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "api-requirements.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`((?:\w+/)?test_\w+(?:::test_\w+)?)`", TEXT)))


@pytest.mark.parametrize("named", NAMED)
def test_what_the_page_names_is_there(named: str) -> None:
    """A renamed test must be renamed there too."""
    module, _, test = named.partition("::")
    folder = "" if "/" in module else "api/"
    file = ROOT / "tests" / f"{folder}{module}.py"

    assert file.exists(), file
    assert not test or f"def {test}(" in file.read_text(encoding="utf-8"), named


def test_every_id_of_the_list_has_its_line() -> None:
    """API-01 to API-25, each once."""
    lines = re.findall(r"^\| (API-\d\d) \|", TEXT, re.MULTILINE)
    assert lines == [f"API-{number:02}" for number in range(1, 26)]
