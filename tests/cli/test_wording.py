from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from vidra.cli.progress.wording import clean, count, duration, percent, shorten, size, speed, stage_words


@pytest.mark.parametrize(
    ("amount", "words"), [(0, "0 B"), (1023, "1023 B"), (28_416_410, "27.1 MiB"), (3 * 1024**5, "3072.0 TiB")]
)
def test_sizes_have_one_digit_behind_the_point(amount: int, words: str) -> None:
    """Bytes are whole, larger units are not."""
    assert size(amount) == words


def test_speeds_and_times_read_like_a_clock() -> None:
    """Hours appear when there are some."""
    assert [speed(2_202_010), duration(7), duration(750), duration(3723)] == [
        "2.1 MiB/s",
        "0:07",
        "12:30",
        "1:02:03",
    ]


def test_a_hundred_per_cent_is_said_only_when_it_is_reached() -> None:
    """99.9 is not done."""
    assert [percent(0), percent(99.9), percent(100)] == ["  0 %", " 99 %", "100 %"]


@pytest.mark.parametrize(
    ("stage", "name", "words"),
    [
        ("downloading", "downloading_fragments", "downloading"),
        ("IDENTIFICANDO", None, "identifying"),
        ("WAIT_FOR_ELEMENTS", None, "listing entries"),
        ("postprocessing", "EmbedThumbnail", "embedding the thumbnail"),
        ("postprocessing", "postprocessing:MoveFiles", "moving into the library"),
        ("postprocessing", "FixupM3u8", "fixup m3u8"),
        (None, None, ""),
    ],
)
def test_stages_are_told_in_english(stage: str | None, name: str | None, words: str) -> None:
    """The contract's names and yt-dlp's class names become words; unknown ones are made readable."""
    assert stage_words(stage, name) == words


def test_foreign_text_cannot_drive_the_terminal() -> None:
    """A title is somebody else's text: no escapes, no new lines, no reversed reading, no secrets."""
    title = "A\x1b[2J\x1b]0;owned\x07B\r\nC\u202egnp.exe\x00 token=abcdef"
    assert clean(title) == "AB Cgnp.exe token=***"


@given(st.text(), st.integers(min_value=0, max_value=60))
def test_shortened_text_never_takes_more_cells_than_it_may(text: str, cells: int) -> None:
    """Wide characters count two."""
    assert cell_len(shorten(clean(text), cells)) <= cells


def test_shortening_keeps_wide_characters_whole() -> None:
    """Half of one cannot be drawn."""
    assert shorten("日本語のタイトル", 8) == "日本語…"


def test_one_is_singular() -> None:
    """Small things are noticed."""
    assert [count(1, "entry", "entries"), count(2, "entry", "entries"), count(0, "error")] == [
        "1 entry",
        "2 entries",
        "0 errors",
    ]
