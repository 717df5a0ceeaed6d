"""Progress on the screen: changes of state in, bars, lines or JSON out."""

from vidra.cli.progress.changes import (
    Change,
    EntryChanged,
    JobChanged,
    LogAppended,
    Notice,
    ProgressChanged,
)
from vidra.cli.progress.interface import Display, Renderer
from vidra.cli.progress.opening import choose_display, is_terminal, open_renderer

__all__ = [
    "Change",
    "Display",
    "EntryChanged",
    "JobChanged",
    "LogAppended",
    "Notice",
    "ProgressChanged",
    "Renderer",
    "choose_display",
    "is_terminal",
    "open_renderer",
]
