"""The truth about the site's clips: what pages announce and tests compare with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

_FIRST_DAY = datetime(2024, 1, 10, 12, 0, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Chapter:
    """One chapter; times in seconds."""

    title: str
    start: float
    end: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One clip and everything its pages say about it."""

    number: int
    title: str
    duration: float
    """Seconds."""

    @property
    def id(self) -> str:
        """Name of its files, without extension."""
        return f"vid{self.number:03d}"

    @property
    def description(self) -> str:
        """Two lines of text."""
        return f"Description of clip {self.number}.\nSecond line."

    @property
    def uploader(self) -> str:
        """One of two people."""
        return "Ada Example" if self.number % 2 else "Bob Example"

    @property
    def uploaded(self) -> datetime:
        """One upload a day."""
        return _FIRST_DAY + timedelta(days=self.number)

    @property
    def tags(self) -> tuple[str, ...]:
        """Two keywords."""
        return ("test", f"n{self.number}")

    @property
    def views(self) -> int:
        """Number of people who watched."""
        return 1000 + self.number

    @property
    def likes(self) -> int:
        """Number of people who liked it."""
        return 10 + self.number

    @property
    def chapters(self) -> tuple[Chapter, ...]:
        """Three chapters of about the same length."""
        third = round(self.duration / 3, 1)
        return (
            Chapter(title="Intro", start=0, end=third),
            Chapter(title="Middle – ünïcode", start=third, end=2 * third),
            Chapter(title="End", start=2 * third, end=self.duration),
        )


ITEMS: Final = (
    Item(number=1, title="Test clip 1", duration=6.0),
    Item(number=2, title="Test clip 2: “Ü & <b>”", duration=4.0),
    Item(number=3, title="Test clip 3", duration=5.0),
    Item(number=4, title="Test clip 4", duration=4.0),
)

SMALL: Final = Item(number=0, title="Small clip", duration=2.0)
"""What stands behind every generated entry `/n/<k>.mp4`."""

HOSTILE_TITLES: Final = (
    "../../../../tmp/pwn",
    "..\\..\\pwn",
    "/abs/olute",
    "%(id)s %(exec)s",
    "nul\u2400byte",
    "right\u202eto left",
    "..",
    "-rf ~",
    "CON",
    "ü" * 300,
    "~root",
    "trailing dots...   ",
)
"""Titles that a naive file name would come to grief with; pages `/evil/<n>.html`."""
