"""The page of requirements names tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "subscriptions-requirements.md"


def test_every_test_that_the_page_names_exists() -> None:
    """Modules below `tests/subscriptions` unless a folder stands before; `…` repeats the module before."""
    module, missing = "", []
    for name, function in re.findall(r"`([\w/…]+)(?:::(\w+))?`", PAGE.read_text("utf-8")):
        if not name.startswith("…") and "test_" not in name:
            continue
        module = module if name == "…" else name
        place = module if "/" in module else f"subscriptions/{module}"
        file = TESTS / f"{place}.py"
        if not file.is_file() or (function and f"def {function}(" not in file.read_text("utf-8")):
            missing.append(f"{module}::{function}")
    assert missing == []
