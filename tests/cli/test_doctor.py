from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from tests.cli.conftest import Vidra
from vidra.cli.checks.finding import Finding, Level
from vidra.cli.checks.folders import (
    Mount,
    check_disk_kind,
    check_prefect_home,
    check_privacy,
    check_room,
)
from vidra.cli.checks.machine import check_clock, check_file_names, check_time_zone, time_zone
from vidra.cli.checks.programs import check_ffmpeg, check_javascript
from vidra.cli.checks.versions import (
    check_pins,
    check_prefect,
    check_python,
    check_yt_dlp,
    own_requirements,
)
from vidra.cli.doctor import report_lines

GIB = 1024**3


def a_program(folder: Path, name: str, prints: str, *, code: int = 0) -> str:
    """Write a real program that prints this and return where it is."""
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{prints}'\nexit {code}\n")
    path.chmod(0o755)
    return str(path)


def test_the_report_has_a_line_per_check_and_a_sum(vidra: Vidra) -> None:
    """Read top to bottom: what is wrong, what to do."""
    said = vidra("doctor")
    names = [line[7:25].strip() for line in said.lines if not line.startswith(" ")]
    for name in ("configuration", "python", "yt-dlp", "prefect", "ffmpeg", "javascript", "data folder"):
        assert name in names
    assert (said.code == 0) is said.lines[-1].startswith("0 errors")


def test_the_report_as_json_has_stable_keys(vidra: Vidra) -> None:
    """For monitoring."""
    said = vidra("doctor", "--json")
    report = json.loads(said.out)
    assert report["ok"] is (said.code == 0)
    assert {tuple(finding) for finding in report["findings"]} == {("level", "name", "detail", "remedy")}


def test_a_broken_configuration_is_a_finding_and_the_rest_is_checked_all_the_same(
    vidra: Vidra, home: Path
) -> None:
    """The doctor is called when things are broken."""
    (home / "vidra.yaml").write_text("downloads: {concurrency: 0, colour: red}")
    said = vidra("doctor", "--json")
    findings = json.loads(said.out)["findings"]
    assert said.code == 1
    assert [finding["level"] for finding in findings if finding["name"] == "configuration"] == ["error"] * 2
    assert "ffmpeg" in [finding["name"] for finding in findings]


def test_the_doctor_changes_nothing(vidra: Vidra, home: Path) -> None:
    """No folder appears because somebody asked."""
    vidra("doctor")
    assert not (home / "data").exists()


@pytest.mark.parametrize(
    ("version", "level", "words"),
    [
        (None, Level.ERROR, "not installed"),
        ("2026.7.3", Level.ERROR, "unsafe (CVE-2026-55404)"),
        ("2026.7.4", Level.WARN, "140 days old"),
        ("2026.9.22", Level.OK, "60 days old"),
        ("2026.9.21", Level.WARN, "61 days old"),
        ("2026.11.20.232810.dev0", Level.OK, "1 day old"),
    ],
)
def test_yt_dlp_is_judged_by_safety_and_age(version: str | None, level: Level, words: str) -> None:
    """SEC-09: an unsafe one is an error, an old one a warning."""
    finding = check_yt_dlp(date(2026, 11, 21), lambda _: version)
    assert (finding.level, words in finding.detail) == (level, True)


@pytest.mark.parametrize(
    ("version", "level"),
    [((3, 10, 9), Level.ERROR), ((3, 11, 0), Level.OK), ((3, 13, 9), Level.OK), ((3, 14, 0), Level.ERROR)],
)
def test_python_has_to_be_a_tested_one(version: tuple[int, ...], level: Level) -> None:
    """3.11 to 3.13."""
    assert check_python(version).level is level


def test_a_dependency_outside_its_range_is_an_error_with_the_consequence() -> None:
    """The ranges are there because something breaks silently."""
    installed = {"sqlalchemy": "2.1.9", "httpx": "0.28.1"}.get
    needs = ["sqlalchemy>=2.0,<2.1", "httpx>=0.28,<1", "tinydb>=4", 'mutagen>=1.47; extra == "tags"']
    wrong, missing = check_pins(needs, installed)
    assert (wrong.level, wrong.name) == (Level.ERROR, "dependency sqlalchemy")
    assert "never creates a run" in wrong.detail
    assert (missing.name, missing.detail) == ("dependency tinydb", "not installed")


def test_this_installation_is_within_its_ranges() -> None:
    """Read from the installed package's own metadata."""
    (finding,) = check_pins(own_requirements())
    assert finding.level is Level.OK
    assert check_prefect(lambda _: None).level is Level.ERROR


def test_ffmpeg_on_path_wins_over_the_wheel(tmp_path: Path) -> None:
    """A person who installed one means it."""
    program = a_program(tmp_path, "ffmpeg", "ffmpeg version 7.1.1 Copyright")
    finding = check_ffmpeg(lambda _: program, lambda: None)
    assert (finding.level, finding.detail) == (Level.OK, f"7.1.1 on PATH, {program}")


def test_ffmpeg_that_is_missing_or_does_not_run_is_an_error(tmp_path: Path) -> None:
    """With the way to get one."""
    broken = a_program(tmp_path, "ffmpeg", "cannot open shared object file", code=127)
    missing, dead = check_ffmpeg(lambda _: None, lambda: None), check_ffmpeg(lambda _: broken)
    assert (missing.level, dead.level) == (Level.ERROR, Level.ERROR)
    assert missing.remedy is not None
    assert "imageio-ffmpeg" in missing.remedy


def test_a_javascript_runtime_counts_when_it_is_new_enough(tmp_path: Path) -> None:
    """YouTube needs one, and the scripts for it."""
    programs = {"node": a_program(tmp_path, "node", "v20.1.0")}
    assert "too old: node 20.1.0" in check_javascript(programs.get, lambda _: None).detail
    programs["deno"] = a_program(tmp_path, "deno", "deno 2.5.6 (stable)")
    assert check_javascript(programs.get, lambda _: None).level is Level.WARN
    assert check_javascript(programs.get, lambda _: "0.8.0").detail == "deno 2.5.6; yt-dlp-ejs 0.8.0"


@pytest.mark.parametrize(("free", "level"), [(GIB - 1, Level.ERROR), (GIB, Level.WARN), (10 * GIB, Level.OK)])
def test_room_is_judged_by_the_configured_floor(tmp_path: Path, free: int, level: Level) -> None:
    """Below it downloads are refused; little above it they soon will be."""
    finding = check_room("library", tmp_path / "not" / "there", floor=GIB, usage=lambda _: free)
    assert finding.level is level
    assert "made when needed" in finding.detail


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """Before a download of an hour finds out."""
    tmp_path.chmod(0o500)
    assert check_room("library", tmp_path / "media", floor=0).level is Level.ERROR


def test_state_that_others_can_read_is_an_error(tmp_path: Path) -> None:
    """The first such path and the command that mends it are named."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "job_logs").mkdir(mode=0o700)
    secret = data / "job_logs" / "1.json"
    secret.touch(mode=0o600)
    assert check_privacy(data).level is Level.OK
    secret.chmod(0o644)
    finding = check_privacy(data)
    assert finding.detail == f"1 path open to others, first {secret}"
    assert finding.remedy == f"chmod -R go= '{data}'"


def test_state_on_a_network_share_is_an_error(tmp_path: Path) -> None:
    """The innermost mount decides."""
    mounts = [Mount("/", "ext4"), Mount(str(tmp_path), "nfs4")]
    assert check_disk_kind(tmp_path / "data", mounts).level is Level.ERROR
    assert check_disk_kind(tmp_path / "data", mounts[:1]).level is Level.OK


def test_the_prefect_home_is_measured(tmp_path: Path) -> None:
    """A database that grows without end is seen here."""
    (tmp_path / "prefect.db").write_bytes(b"x" * 2048)
    assert check_prefect_home(tmp_path).detail.endswith("2.0 KiB")
    assert "first run" in check_prefect_home(tmp_path / "none").detail


def test_a_clock_in_the_past_is_an_error() -> None:
    """Certificates fail first, and nobody thinks of the clock."""
    assert check_clock(datetime(1970, 1, 1, tzinfo=UTC)).level is Level.ERROR
    assert check_clock(datetime(2026, 11, 21, tzinfo=UTC)).level is Level.OK


def test_the_time_zone_comes_from_tz_or_the_system(tmp_path: Path) -> None:
    """Cron lines without a zone are meant in it; a made-up one counts as none."""
    link = tmp_path / "localtime"
    link.symlink_to("/usr/share/zoneinfo/Europe/Berlin")
    assert time_zone({}, link) == "Europe/Berlin"
    assert time_zone({"TZ": ":Asia/Tokyo"}, link) == "Asia/Tokyo"
    assert time_zone({"TZ": "Mars/Olympus"}, link) is None
    assert check_time_zone(None).level is Level.WARN


def test_an_ascii_file_system_is_a_warning() -> None:
    """Titles would be mangled."""
    assert check_file_names("ascii").level is Level.WARN
    assert check_file_names("utf-8").level is Level.OK


def test_a_remedy_stands_below_its_finding() -> None:
    """Indented, so that the eye finds levels in the first column."""
    finding = Finding(level=Level.WARN, name="x", detail="old", remedy="new")
    assert list(report_lines([finding])) == [
        "warn   x                   old",
        "                           → new",
        "0 errors, 1 warning",
    ]
