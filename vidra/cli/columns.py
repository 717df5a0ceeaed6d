"""Tables for the terminal: columns as wide as their widest cell, cut only where a terminal ends."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence

from rich.cells import cell_len

from vidra.cli.progress.wording import shorten

_GAP = 2


def columns(header: Sequence[str], rows: Sequence[Sequence[str]], *, width: int | None = None) -> list[str]:
    """Return the lines of a table; the last column is cut at `width` cells (None: never)."""
    table = [header, *rows]
    widths = [max(cell_len(row[index]) for row in table) for index in range(len(header))]
    lines = []
    for row in table:
        cells = [cell + " " * (widths[index] - cell_len(cell)) for index, cell in enumerate(row)]
        line = (" " * _GAP).join(cells).rstrip()
        lines.append(line if width is None else shorten(line, width))
    return lines


def output_width() -> int | None:
    """Return the terminal's width, or None when the output is no terminal and must not be cut."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
