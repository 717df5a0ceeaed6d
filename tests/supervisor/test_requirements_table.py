"""The page that maps requirements to tests is complete, and every test it names exists."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = (HERE.parents[1] / "docs" / "watchdog-requirements.md").read_text()


def test_every_requirement_has_a_row() -> None:
    """98 requirements, 22 WD tests, 15 failures of the former implementation: each exactly once."""
    first, wd, failures = PAGE.split("\n## ")[1:]

    assert re.findall(r"^\| (\d+) \|", first, re.MULTILINE) == [str(n) for n in range(1, 99)]
    assert re.findall(r"^\| (WD-\d+) \|", wd, re.MULTILINE) == [f"WD-{n:02}" for n in range(1, 23)]
    assert re.findall(r"^\| (\d+) \|", failures, re.MULTILINE) == [str(n) for n in range(1, 16)]


def test_every_test_named_exists() -> None:
    """A renamed test is renamed there, too."""
    named = re.findall(r"`((?:\w+/)?test_\w+)::(test_\w+)`", PAGE)
    missing = [
        f"{module}::{test}" for module, test in named if f"def {test}(" not in _file(module).read_text()
    ]

    assert len(named) > 90
    assert missing == []


def test_every_row_names_a_test_or_says_why_not() -> None:
    """Nothing is left open: a test, or the sentence why the requirement does not apply."""
    rows = [line for line in PAGE.splitlines() if re.match(r"\| (\d+|WD-\d+) \|", line)]
    open_rows = [row for row in rows if "::test_" not in row and "does not apply" not in row]

    assert (len(rows), open_rows) == (98 + 22 + 15, [])


def _file(module: str) -> Path:
    return (HERE if "/" not in module else HERE.parent) / f"{module}.py"
