"""Rows with a bar for the live display; pure functions from facts and a width to text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from vidra.cli.progress.board import Totals
from vidra.cli.progress.sentences import entry_name
from vidra.cli.progress.wording import duration, percent, shorten, size, speed, stage_words
from vidra.state.interface import Entry

_TITLE_CELLS = 28
_TITLE_AT_LEAST = 16
_BAR_CELLS = 24
_BAR_AT_LEAST = 8
_GAP = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A name, a bar where there is something to measure, and figures in order of importance."""

    name: str
    fraction: float | None
    """0 – 1; None draws no bar."""
    figures: Sequence[str]
    style: str = "cyan"


def entry_row(entry: Entry) -> Row:
    """Return the row of an active entry."""
    progress = entry.progress
    if progress is None:
        return Row(name=entry_name(entry), fraction=None, figures=("starting",))
    stage = stage_words(progress.stage, progress.stage_name)
    facts = [None if progress.percent is None else percent(progress.percent)]
    if stage and stage != "downloading":
        facts.append(stage)
    else:
        facts += [
            speed(progress.speed) if progress.speed else None,
            None if progress.eta is None else duration(progress.eta),
            _bytes(progress.downloaded_bytes, progress.total_bytes),
        ]
    fraction = None if progress.percent is None else progress.percent / 100
    return Row(name=entry_name(entry), fraction=fraction, figures=tuple(fact for fact in facts if fact))


def totals_row(totals: Totals) -> Row:
    """Return the row under the entries."""
    facts = [
        None if totals.percent is None else percent(totals.percent),
        f"{totals.failed} failed" if totals.failed else None,
        speed(totals.speed) if totals.speed else None,
        None if totals.eta is None else f"{duration(totals.eta)} left",
        size(totals.bytes) if totals.bytes else None,
    ]
    return Row(
        name=f"{totals.completed} of {totals.entries} done",
        fraction=None if totals.percent is None else totals.percent / 100,
        figures=tuple(fact for fact in facts if fact),
        style="green",
    )


def _bytes(done: int | None, whole: int | None) -> str | None:
    if done is None:
        return None
    return f"{size(done)} / {size(whole)}" if whole else size(done)


def draw(row: Row, width: int, *, ascii_only: bool = False) -> Text:
    """Lay the row out in at most `width` cells.

    When room is short, figures go first (the least important first), then the bar, then the name is
    cut. The percentage stays.
    """
    figures = list(row.figures)
    bar = 0 if row.fraction is None else _BAR_AT_LEAST
    while len(figures) > 1 and _needed(figures, bar) + _TITLE_AT_LEAST > width:
        figures.pop()
    if _needed(figures, bar) + _TITLE_AT_LEAST > width:
        bar = 0
    spare = width - _needed(figures, bar)
    name_cells = min(_TITLE_CELLS, spare) if bar else spare
    if bar:
        bar = min(_BAR_CELLS, bar + spare - name_cells)
    text = _assemble(row, figures, max(0, name_cells), bar, ascii_only=ascii_only)
    text.truncate(width)
    return text


def _needed(figures: Sequence[str], bar: int) -> int:
    """Return the cells for everything but the name, gaps included."""
    parts = [cell_len(figure) for figure in figures] + ([bar] if bar else [])
    return sum(parts) + _GAP * len(parts)


def _assemble(row: Row, figures: Sequence[str], name_cells: int, bar: int, *, ascii_only: bool) -> Text:
    name = shorten(row.name, name_cells)
    text = Text(no_wrap=True, overflow="crop")
    text.append(name + " " * (name_cells - cell_len(name) if bar else 0))
    if bar and row.fraction is not None:
        full = round(bar * min(1.0, max(0.0, row.fraction)))
        done, rest = ("#", "-") if ascii_only else ("━", "─")
        text.append(" " * _GAP).append(done * full, style=row.style).append(rest * (bar - full), style="dim")
    for figure in figures:
        text.append(" " * _GAP).append(figure)
    return text
