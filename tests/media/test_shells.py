"""No shell anywhere: whatever starts a program does it with a list of arguments (SEC-17)."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SHELLS = re.compile(
    r"shell\s*=\s*True|\bos\.system\b|\bos\.popen\b|\bcreate_subprocess_shell\b|\bgetoutput\b"
)


def test_nothing_goes_through_a_shell() -> None:
    """SEC-17: `shell=True`, `os.system` and `os.popen` occur nowhere in what ships."""
    sources = [path for folder in ("vidra", "flows", "tasks") for path in (ROOT / folder).rglob("*.py")]
    assert len(sources) > 20
    assert [str(path) for path in sources if SHELLS.search(path.read_text(encoding="utf-8"))] == []
