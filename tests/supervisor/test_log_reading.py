"""The end of a log, of this log only."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidra.errors import PathRefused
from vidra.supervisor.log_reading import last_lines, log_file


def test_the_last_lines_come_from_the_end(tmp_path: Path) -> None:
    """However long the log is, and none while there is no log."""
    log = tmp_path / "api.log"
    log.write_text("".join(f"line {number}\n" for number in range(50_000)))

    assert last_lines(log, 2) == ["line 49998", "line 49999"]
    assert last_lines(log, 0) == []
    assert last_lines(tmp_path / "none.log", 5) == []


def test_a_piece_is_named_by_its_file_name(tmp_path: Path) -> None:
    """Rotated pieces lie beside the log and begin with its name."""
    assert log_file(tmp_path / "api.log", "api-2026-11-20.1.log") == tmp_path / "api-2026-11-20.1.log"
    assert log_file(tmp_path / "api.log") == tmp_path / "api.log"


@pytest.mark.parametrize(
    "piece",
    ["../api.log", "/etc/passwd", "..", "", "other.log", "api-/../../x.log", "api-\0.log", "server_token"],
)
def test_no_other_file_is_read(tmp_path: Path, piece: str) -> None:
    """Requirement 45: paths stay below the folder of the logs, at that log."""
    with pytest.raises(PathRefused):
        log_file(tmp_path / "api.log", piece)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """Requirement 45: a link in the folder of the logs leads nowhere."""
    (tmp_path / "secret").write_text("hidden")
    (tmp_path / "api-1.log").symlink_to(tmp_path / "secret")

    with pytest.raises(PathRefused):
        last_lines(tmp_path / "api-1.log", 5)
