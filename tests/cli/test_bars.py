from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tests.cli.records import active, an_entry
from vidra.cli.progress.bars import Row, draw, entry_row

ROW = entry_row(active(1, 45.0, speed=2_202_010.0, eta=7))


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (80, "Title 1                   ━━━━────   45 %  2.1 MiB/s  0:07  45.0 MiB / 100.0 MiB"),
        (70, "Title 1                       ━━━━━━━─────────   45 %  2.1 MiB/s  0:07"),
        (40, "Title 1                  ━━━━────   45 %"),
        (30, "Title 1   45 %"),
        (12, "Titl…   45 %"),
    ],
)
def test_a_narrow_terminal_loses_the_least_important_first(width: int, expected: str) -> None:
    """Bytes, time left, speed, the bar; the percentage stays."""
    assert draw(ROW, width).plain == expected


def test_a_terminal_without_unicode_gets_ascii_bars() -> None:
    """LANG=C still exists."""
    assert "  ####----  " in draw(ROW, 40, ascii_only=True).plain


def test_bars_line_up_under_wide_titles() -> None:
    """Characters two cells wide are counted as two."""
    wide = entry_row(active(2, 45.0, title="日本語のとても長いタイトルです、本当に"))
    rows = [draw(row, 70).plain for row in (entry_row(active(1, 45.0)), wide)]
    assert {cell_len(row[: row.index("━")]) for row in rows} == {30}


def test_a_stage_without_speed_is_named() -> None:
    """Merging has no bytes to show."""
    entry = active(1, 100.0, stage="postprocessing", stage_name="Merger")
    assert draw(entry_row(entry), 70).plain.endswith("100 %  merging")
    assert draw(entry_row(an_entry(1)), 70).plain == "Title 1  starting"


@given(
    st.text(max_size=80),
    st.none() | st.floats(min_value=-1, max_value=2),
    st.lists(st.text("abc 0123", min_size=1, max_size=12), min_size=1, max_size=4),
    st.integers(min_value=1, max_value=200),
)
def test_a_row_never_wraps(name: str, fraction: float | None, figures: list[str], width: int) -> None:
    """A wrapped row would tear the display apart."""
    row = Row(name=" ".join(name.split()), fraction=fraction, figures=figures)
    assert draw(row, width).cell_len <= width
