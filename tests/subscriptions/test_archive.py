"""Holdings, tombstones, and taking over what other programs downloaded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vidra.engine.subscriptions.archive import archive_lines, archive_of, check, holdings_of, take_over
from vidra.errors import UsageError
from vidra.settings import Settings
from vidra.state.holdings import Holding, memory_holdings

NOW = "2026-11-21T05:00:00.000000Z"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return settings with a data folder of this test's own."""
    return Settings.model_validate({"storage": {"data_dir": tmp_path / "data"}})


def _holding(key: str, file: Path, *lists: str) -> Holding:
    return Holding(
        key=key, url=f"https://example.org/{key[-1]}", main_file=str(file), downloaded_at=NOW, lists=lists
    )


def test_an_item_stays_as_long_as_one_list_names_it(tmp_path: Path) -> None:
    """One file, many lists: only what the last one lets go of is nobody's."""
    held = memory_holdings()
    held.keep(_holding("site a", tmp_path / "a.mp4", "one"))
    assert held.claim("two", ["site a", "site unknown"]) == 1
    assert held.claim("two", ["site a"]) == 0

    assert held.disown("one") == []
    assert [one.key for one in held.disown("two", ["site a"])] == ["site a"]


def test_what_was_deleted_on_purpose_stays_in_the_archive(settings: Settings, tmp_path: Path) -> None:
    """Plain yt-dlp reads the line and does not fetch it either; forgetting takes both away."""
    with holdings_of(settings) as held:
        held.keep(_holding("site a", tmp_path / "a.mp4", "one"))
        assert held.bury(["site a", "site b"], reason="seen") == 2
        assert held.bury(["site a"], reason="again") == 0
        assert held.get("site a") is None
        stone = held.tombstones()["site a"]
        assert (stone.reason, stone.lists) == ("seen", ("one",))
        assert archive_of(settings).keys() == {"site a", "site b"}
        assert held.forget("site a")
        assert not held.forget("site a")
    assert archive_of(settings).keys() == {"site b"}


def test_an_address_that_several_items_share_tells_nothing(tmp_path: Path) -> None:
    """Two clips of one page are two items."""
    held = memory_holdings()
    for key in ("site a", "site b"):
        held.keep(_holding(key, tmp_path / "a.mp4").model_copy(update={"url": "https://example.org/page"}))
    held.keep(_holding("site c", tmp_path / "c.mp4"))

    assert held.addresses() == {"https://example.org/c": "site c"}


def test_a_file_that_is_gone_is_found_and_can_be_buried(settings: Settings, tmp_path: Path) -> None:
    """So is a download that the archive lost: it would be fetched again."""
    there = tmp_path / "a.mp4"
    there.write_bytes(b"x")
    archive_of(settings).add("site b")
    with holdings_of(settings) as held:
        held.keep(_holding("site a", there))
        held.keep(_holding("site b", tmp_path / "b.mp4"))

    found = check(settings)
    assert dict(found.gone) == {"site b": str(tmp_path / "b.mp4")}
    assert found.problems == ("archive.txt lacks site a, which was downloaded: it would be fetched again",)


def _foreign_library(root: Path) -> None:
    (root / "show").mkdir(parents=True)
    (root / "archive.txt").write_text("youtube aaa\nvimeo 1\n\nnonsense\n")
    (root / ".ytdl-sub-talks-download-archive.json").write_text(
        json.dumps(
            {"bbb": {"upload_date": "2024-01-02", "extractor": "youtube", "file_names": ["show/b.mp4"]}}
        )
    )
    (root / "show" / "b.mp4").write_bytes(b"x")
    (root / "show" / "c [1].mp4").write_bytes(b"x")
    (root / "show" / "c [1]-thumb.jpg").write_bytes(b"x")
    (root / "show" / "c [10].mp4").write_bytes(b"x")
    info = {
        "id": "ccc", "extractor": "youtube", "extractor_key": "Youtube", "title": "C",
        "upload_date": "20240103",
        "webpage_url": "https://www.youtube.com/watch?v=ccc",
    }  # fmt: skip
    (root / "show" / "c [1].info.json").write_text(json.dumps(info))
    (root / "show" / "d.nfo").write_text(
        '<episodedetails><title>D</title><uniqueid type="YouTube">ddd</uniqueid>'
        "<aired>2024-01-04</aired></episodedetails>"
    )
    (root / "show" / "tvshow.nfo").write_text('<tvshow><uniqueid type="youtube">channel</uniqueid></tvshow>')
    (root / "show" / "bad.info.json").write_text("{")


def test_a_foreign_library_is_taken_over(settings: Settings, tmp_path: Path) -> None:
    """yt-dlp's and ytdl-sub's archives, info JSON and NFO; what makes no sense is named and left out."""
    root = tmp_path / "media"
    _foreign_library(root)
    shown = take_over([root], settings=settings, dry_run=True)
    assert archive_of(settings).keys() == frozenset()
    done = take_over([root], settings=settings, subscription="talks")
    again = take_over([root], settings=settings)

    assert archive_of(settings).keys() == {
        "youtube aaa", "vimeo 1", "youtube bbb", "youtube ccc", "youtube ddd",
    }  # fmt: skip
    assert (shown.new_keys, done.new_keys, again.new_keys) == (5, 5, 0)
    assert sorted(one.source.name for one in done.unread) == ["archive.txt", "bad.info.json"]
    lines = {line.key: line for line in archive_lines(settings, subscription="talks")}
    assert set(lines) == {"youtube bbb", "youtube ccc"}
    with holdings_of(settings) as held:
        held_c = held.get("youtube ccc")
    assert held_c is not None
    assert {Path(file).name for file in held_c.files} == {"c [1].mp4", "c [1]-thumb.jpg", "c [1].info.json"}
    assert held_c.upload_date == "2024-01-03"


def test_a_path_that_is_not_there_is_refused(settings: Settings, tmp_path: Path) -> None:
    """Before anything is changed."""
    with pytest.raises(UsageError, match="expected a file or a folder that is there"):
        take_over([tmp_path / "nowhere"], settings=settings)
