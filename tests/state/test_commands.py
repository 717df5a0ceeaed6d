"""`vidra state`: check, compact, export."""

from __future__ import annotations

import json
from pathlib import Path

from tinydb import TinyDB
from typer.testing import CliRunner, Result

from tests.state.builders import a_job, an_entry
from vidra.cli.root import app
from vidra.state import open_state


def vidra(folder: Path, *arguments: str) -> Result:
    """Run `vidra state …` on the folder."""
    return CliRunner().invoke(app, ["--data-dir", str(folder), "state", *arguments])


def fill(folder: Path) -> None:
    """Leave a state as a killed process does: nothing closed."""
    state = open_state(folder)
    state.jobs.add(a_job())
    state.jobs.add(a_job("job-2"))
    state.entries("job-1").put([an_entry(1)])


def damage(folder: Path) -> None:
    """Spoil the first of two jobs."""
    journal = folder / "download_state.journal"
    journal.write_bytes(journal.read_bytes().replace(b'"job_id":"job-1"', b'"job_id":"job-9"'))


def test_check_tells_what_is_there(tmp_path: Path) -> None:
    """Every file with its documents; exit code 0."""
    fill(tmp_path)
    result = vidra(tmp_path, "check")
    assert result.exit_code == 0, result.output
    assert "2 state files, all sound" in result.output
    assert "download_state.json: 2 jobs; transaction 2" in result.output
    assert "playlist_entries/job-1.json: 1 entries" in result.output


def test_check_finds_damage_and_leaves_it(tmp_path: Path) -> None:
    """Exit code 1, in text and as JSON; not a byte is changed."""
    fill(tmp_path)
    damage(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    result = vidra(tmp_path, "check")
    assert result.exit_code == 1
    assert "DAMAGED: download_state.journal: a damaged line" in result.output
    found = json.loads(vidra(tmp_path, "check", "--json").stdout)
    assert not found["sound"]
    assert [file["sound"] for file in found["files"]] == [False, True]
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_check_keeps_telling_of_what_was_kept_aside(tmp_path: Path) -> None:
    """Until the owner has deleted it."""
    fill(tmp_path)
    damage(tmp_path)
    with open_state(tmp_path, repair=True):
        pass
    result = vidra(tmp_path, "check")
    assert result.exit_code == 1
    assert "kept aside: download_state.damaged-" in result.output
    for aside in tmp_path.glob("*damaged*"):
        aside.unlink()
    assert vidra(tmp_path, "check").exit_code == 0


def test_compact_makes_plain_tinydb_files(tmp_path: Path) -> None:
    """Of every state file."""
    fill(tmp_path)
    result = vidra(tmp_path, "compact")
    assert result.exit_code == 0, result.output
    with TinyDB(tmp_path / "download_state.json") as plain:
        assert len(plain.table("jobs")) == 2
    with TinyDB(tmp_path / "playlist_entries" / "job-1.json") as plain:
        assert len(plain.table("entries")) == 1


def test_compact_goes_on_after_a_damaged_file(tmp_path: Path) -> None:
    """The error names it, the others are done, the exit code says so."""
    fill(tmp_path)
    damage(tmp_path)
    result = vidra(tmp_path, "compact", "--json")
    assert result.exit_code == 1
    files = json.loads(result.stdout)["files"]
    assert [bool(file["error"]) for file in files] == [True, False]


def test_export_is_one_object_of_everything(tmp_path: Path) -> None:
    """To standard output, or to a private file."""
    fill(tmp_path)
    printed = json.loads(vidra(tmp_path, "export").stdout)
    assert printed["download_state.json"]["jobs"]["1"]["job_id"] == "job-1"
    assert printed["playlist_entries/job-1.json"]["entries"]["1"]["index"] == 1
    out = tmp_path / "out.txt"
    assert vidra(tmp_path, "export", "--out", str(out)).exit_code == 0
    assert json.loads(out.read_text()) == printed
    assert out.stat().st_mode & 0o777 == 0o600


def test_a_folder_without_state_is_sound(tmp_path: Path) -> None:
    """And none of the commands creates anything in it."""
    for command in ("check", "compact", "export"):
        assert vidra(tmp_path / "none", command).exit_code == 0
    assert not list(tmp_path.iterdir())
