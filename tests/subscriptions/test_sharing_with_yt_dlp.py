"""Plain yt-dlp and Vidra with one archive, at the same time; and a library that ytdl-sub made."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.site import MediaSite
from tests.subscriptions.studio import Studio
from vidra.engine.subscriptions import retention
from vidra.engine.subscriptions.archive import take_over
from vidra.settings import load_settings
from vidra.state.archive import FileArchive

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
SAMPLE = Path(__file__).parent / "samples" / "ytdl-sub"
"""What ytdl-sub 2026.8.26 made of the site's feed with its preset `Jellyfin TV Show by Date`.

Media and pictures were taken out, and the lists of formats.
"""
SAMPLE_HOST = "127.0.0.1:18099"


def yt_dlp(archive: Path, folder: Path, url: str) -> subprocess.Popen[str]:
    """Start plain yt-dlp with this archive."""
    return subprocess.Popen(
        [sys.executable, "-m", "yt_dlp", "--download-archive", str(archive), "-P", str(folder), "-o",
         "%(id)s-%(autonumber)s.%(ext)s", "-f", "b", "--no-warnings", "--ignore-config", url],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def said(process: subprocess.Popen[str]) -> str:
    """Wait for the end; return what it printed."""
    text, _ = process.communicate(timeout=60)
    assert process.returncode == 0, text
    return text


def test_both_write_at_the_same_time_and_no_line_is_lost(media_site: MediaSite, tmp_path: Path) -> None:
    """Two yt-dlp download ten files while we add, take out, and add: each line is whole and there once."""
    file = tmp_path / "archive.txt"
    ours = FileArchive(file)
    ours.add_all(f"site {n}" for n in range(200))
    peers = [
        yt_dlp(file, tmp_path / name, media_site.url(f"/feed/{count}.rss"))
        for name, count in (("a", 10), ("b", 10))
    ]
    rounds = 0
    while any(peer.poll() is None for peer in peers) and rounds < 5000:
        ours.add(f"new {rounds}")
        ours.remove(f"new {rounds - 1}")
        rounds += 1
    for peer in peers:
        said(peer)
    lines = file.read_text().splitlines()

    assert rounds > 20
    assert [f"site {n}" for n in range(200)] == [line for line in lines if line.startswith("site ")]
    assert {line for line in lines if line.startswith("generic ")} == {f"generic n{n}" for n in range(1, 11)}
    assert [line for line in lines if line.startswith("new ")] == [f"new {rounds - 1}"]


def test_a_line_that_yt_dlp_waited_to_write_is_not_lost(tmp_path: Path) -> None:
    """It opened the file before a key was taken out of it, and writes after."""
    file = tmp_path / "archive.txt"
    ours = FileArchive(file)
    ours.add_all(["site a", "site b"])
    with file.open("a", encoding="utf-8") as yt_dlps:
        assert ours.remove("site a")
        yt_dlps.write("peer c\n")
    assert ours.keys() == {"site b", "peer c"}
    assert file.read_text().split("\n") == [" " * len("site a"), "site b", "peer c", ""]


def test_what_a_subscription_downloaded_plain_yt_dlp_leaves_alone(studio: Studio) -> None:
    """And what was deleted on purpose too: its line stays."""
    url = studio.url("/pages/feed-2.rss")
    studio.declare(talks={"urls": url, "retention": {"max_items": 1}})
    studio.run("talks")
    archive, folder = studio.data / "archive.txt", studio.workshop.root / "elsewhere"
    text = said(yt_dlp(archive, folder, url))
    assert text.count("has already been recorded in the archive") == 2
    assert not folder.exists() or not list(folder.iterdir())
    assert len(studio.shelf()) == 1


def _sample(studio: Studio) -> Path:
    """Put ytdl-sub's library into ours, as if it were of this site, with media of a byte or so."""
    library = studio.workshop.root / "library"
    shutil.copytree(SAMPLE, library)
    host = studio.workshop.site.base.removeprefix("http://")
    for path in [one for one in library.rglob("*") if one.is_file()]:
        path.write_text(path.read_text("utf-8").replace(SAMPLE_HOST, host), "utf-8")
    (record,) = library.rglob(".ytdl-sub-*.json")
    for item in json.loads(record.read_text()).values():
        for name in item["file_names"]:
            if not (record.parent / name).exists():
                (record.parent / name).write_bytes(b"media")
                os.utime(record.parent / name, (0, 0))
    return library


def test_a_library_of_ytdl_sub_goes_on_as_a_subscription(studio: Studio) -> None:
    """Real output: each file is known once, nothing is fetched again, and retention knows its sidecars."""
    library = _sample(studio)
    news = {"urls": studio.url("/pages/feed-3.rss"), "retention": {"max_items": 2}}
    studio.declare(news=news)
    done = take_over([library], settings=load_settings(), subscription="news")
    with studio.holdings() as holdings:
        held = {Path(one.main_file).name.partition(" - ")[0]: one for one in holdings.all()}
    plan = {item["title"]: item["decision"] for item in studio.plan("news")}

    assert (done.items, done.files, done.unread) == (2, 2, [])
    assert sorted(held) == ["s2024.e011101", "s2024.e011201"]
    assert len(held["s2024.e011101"].files) == 4
    assert (held["s2024.e011101"].upload_date, held["s2024.e011101"].lists) == ("2024-01-11", ("news",))
    assert [plan["Test clip 1"], plan["Test clip 3"]] == ["archived", "download"]
    studio.run("news")
    assert studio.last("news").downloaded == 1
    assert [name for name in studio.shelf() if "e011101" in name] == []
    assert len([name for name in studio.shelf() if "e011201" in name]) == 4
    assert retention.plan(load_settings()).removals == []
