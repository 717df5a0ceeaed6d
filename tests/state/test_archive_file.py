"""The archive as a file that yt-dlp shares."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidra.state.archive import FileArchive


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the archive will be."""
    return tmp_path / "archive.txt"


def test_what_others_add_is_seen_and_kept(path: Path) -> None:
    """Plain yt-dlp appends without our lock."""
    archive = FileArchive(path)
    archive.add("site a")
    with path.open("a") as file:
        file.write("site b\n")
    assert "site b" in archive
    assert not archive.add("site b")
    archive.add("site c")
    assert path.read_text() == "site a\nsite b\nsite c\n"


def test_foreign_line_ends_and_blank_lines_stay_as_they_are(path: Path) -> None:
    """They are understood, and never rewritten."""
    path.write_bytes(b"site a\r\n\r\n  \n\nsite b\n")
    archive = FileArchive(path)
    assert archive.keys() == {"site a", "site b"}
    archive.add("site c")
    assert path.read_bytes() == b"site a\r\n\r\n  \n\nsite b\nsite c\n"


def test_an_unfinished_last_line_is_finished_first(path: Path) -> None:
    """Otherwise two keys would become one."""
    path.write_bytes(b"site a")
    FileArchive(path).add("site b")
    assert path.read_bytes() == b"site a\nsite b\n"


def test_removing_takes_one_key_out_and_nothing_else(path: Path) -> None:
    """Every line of that key becomes blanks; the others stay byte for byte, undecodable ones included."""
    path.write_bytes(b"site a\r\nsite b\n\xff\xfe odd\nsite b\r\nsite c")
    assert FileArchive(path).remove("site b")
    assert path.read_bytes() == b"site a\r\n      \n\xff\xfe odd\n      \r\nsite c"


def test_two_archives_on_one_file_agree(path: Path) -> None:
    """A key is new once, whoever asks."""
    first, second = FileArchive(path), FileArchive(path)
    assert [first.add("site a"), second.add("site a"), second.add("site b"), first.add("site b")] == [
        True,
        False,
        True,
        False,
    ]
    second.remove("site a")
    assert first.keys() == {"site b"}


def test_a_file_that_goes_away_is_an_empty_archive(path: Path) -> None:
    """An owner who deletes it wants everything anew."""
    archive = FileArchive(path)
    archive.add("site a")
    path.unlink()
    assert "site a" not in archive
    assert archive.add("site a")
