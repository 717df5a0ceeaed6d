"""Removing what retention lets go: real files, deaths in between, and paths that lead elsewhere."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from vidra.clock import ManualClock
from vidra.engine.subscriptions import retention
from vidra.engine.subscriptions.archive import archive_of, holdings_of
from vidra.errors import PathRefused, UsageError
from vidra.media.lists.belongings import removable, sidecars_of
from vidra.settings import Settings
from vidra.state.holdings import Holding


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return settings with one subscription that keeps its two newest items."""
    return _settings(tmp_path, talks={"urls": "https://example.org/l", "retention": {"max_items": 2}})


def _settings(root: Path, **subscriptions: object) -> Settings:
    (root / "library").mkdir(exist_ok=True)
    return Settings.model_validate(
        {
            "storage": {"data_dir": root / "data"},
            "downloads": {"library": root / "library", "roots": [root / "library"]},
            "subscriptions": subscriptions,
        }
    )


def _hold(settings: Settings, number: int, *lists: str, file: Path | None = None, **more: object) -> Path:
    """Put an item of the day `number` into the library, with its sidecars, and return its file."""
    media = file or settings.downloads.library / "Show" / f"Season 200{number}" / f"e{number}.mp4"
    if file is None:
        media.parent.mkdir(parents=True)
        for suffix in (".mp4", ".nfo", ".info.json", "-thumb.jpg", ".en.vtt"):
            media.with_name(media.stem + suffix).write_bytes(b"x" * 10)
    held = Holding.model_validate(
        {
            "key": f"site {number}", "title": f"Talk {number}", "main_file": str(media),
            "files": (str(media), str(media.with_suffix(".nfo"))), "upload_date": f"200{number}-01-02",
            "downloaded_at": "2026-11-21T05:00:00.000000Z", "lists": lists or ("talks",), **more,
        }
    )  # fmt: skip
    with holdings_of(settings) as holdings:
        holdings.keep(held)
    archive_of(settings).add(held.key)
    return media


def _names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.rglob("*"))


def test_an_item_goes_with_all_that_bears_its_name_and_its_empty_season(settings: Settings) -> None:
    """The oldest goes; it is remembered, stays archived, and the season's poster does not keep the folder."""
    files = [_hold(settings, number) for number in (1, 2, 3)]
    show = settings.downloads.library / "Show"
    (show / "tvshow.nfo").write_bytes(b"x")
    (show / "Season 2001" / "Season2001.jpg").write_bytes(b"x")
    planned = retention.plan(settings)
    assert files[0].exists()
    done = retention.apply(settings)

    assert [one.item.key for one in planned.removals] == [one.key for one in done.removals] == ["site 1"]
    assert planned.freed == 50
    assert sorted(folder.name for folder in show.iterdir()) == ["Season 2002", "Season 2003", "tvshow.nfo"]
    assert len(_names(show / "Season 2002")) == 5
    assert "site 1" in archive_of(settings)
    with holdings_of(settings) as holdings:
        assert holdings.get("site 1") is None
        assert holdings.tombstones()["site 1"].reason == "retention: max_items: 2 newer ones stay"
    assert retention.apply(settings).removals == ()


def test_a_run_that_dies_before_the_files_are_gone_is_finished_by_the_next(settings: Settings) -> None:
    """The tombstone comes first: nothing is fetched again, and nothing is left lying about."""
    files = [_hold(settings, number) for number in (1, 2)]
    with holdings_of(settings) as holdings:
        held = holdings.get("site 1")
        assert held is not None
        assert holdings.let_go(held, files=[*held.files, str(files[0]) + ".nfo"], reason="retention: test")
        files[0].with_suffix(".nfo").unlink()  # it got so far
        assert "site 1" in holdings.tombstones()
    assert files[0].exists()

    done = retention.apply(settings)
    assert [(one.key, one.files) for one in done.removals] == [("site 1", (str(files[0]),))]
    assert not files[0].exists()
    assert files[1].exists()
    with holdings_of(settings) as holdings:
        assert holdings.unfinished() == []


def test_an_item_that_was_claimed_meanwhile_is_not_let_go(settings: Settings) -> None:
    """Another subscription came to name it after the plan was made."""
    _hold(settings, 1)
    with holdings_of(settings) as holdings:
        planned = holdings.get("site 1")
        assert planned is not None
        holdings.claim("best", ["site 1"])
        assert not holdings.let_go(planned, files=planned.files, reason="test")
        assert holdings.get("site 1") is not None


def test_losing_nearly_everything_needs_a_word(tmp_path: Path) -> None:
    """A size without its unit does not empty the library."""
    settings = _settings(tmp_path, talks={"urls": "https://example.org/l", "retention": {"max_bytes": 5}})
    files = [_hold(settings, number) for number in (1, 2, 3)]
    refused = retention.apply(settings)
    assert "3 of the 3 items of `talks` would go" in (refused.refused or {})["talks"]
    assert all(file.exists() for file in files)
    assert len(retention.apply(settings, yes=True).removals) == 3
    assert _names(settings.downloads.library) == []


def test_the_general_bounds_hold_where_a_subscription_has_none(tmp_path: Path) -> None:
    """And an item's age is counted up to the clock's day."""
    plain = _settings(tmp_path, talks={"urls": "https://example.org/l"})
    settings = Settings.model_validate({**plain.model_dump(), "retention": {"max_age_days": 400}})
    for number in (1, 2, 3):
        _hold(settings, number)
    clock = ManualClock(datetime(2003, 3, 1, tzinfo=UTC))
    planned = retention.plan(settings, names=["talks"], clock=clock)
    assert [(one.item.key, one.reason) for one in planned.removals] == [
        ("site 1", "max_age_days: 788 days old, 400 allowed"),
        ("site 2", "max_age_days: 423 days old, 400 allowed"),
    ]
    with pytest.raises(UsageError, match="did you mean `talks`"):
        retention.plan(settings, names=["talk"], clock=clock)


def test_a_link_or_a_path_outside_is_never_touched(settings: Settings, tmp_path: Path) -> None:
    """Whatever the holdings say: links, `..`, other folders, links on the way, files that are no media."""
    library, outside = settings.downloads.library, tmp_path / "outside"
    outside.mkdir()
    victim = outside / "v.mp4"
    victim.write_bytes(b"x")
    (library / "link.mp4").symlink_to(victim)
    (library / "way").symlink_to(outside)
    (library / "script.sh").write_bytes(b"x")
    (library / "folder.mp4").mkdir()
    attacks = [
        victim, library / "link.mp4", library / "way" / "v.mp4", library / ".." / "outside" / "v.mp4",
        library / "script.sh", library / "folder.mp4", Path("relative.mp4"),
    ]  # fmt: skip
    for number, attack in enumerate(attacks):
        with pytest.raises(PathRefused):
            removable(attack, [library])
        _hold(settings, number, file=attack, files=(str(attack), str(victim)))
    with holdings_of(settings) as holdings:
        buried = Holding(key="site x", main_file=str(victim), downloaded_at="2026-11-21T05:00:00Z")
        holdings.keep(buried)
        holdings.let_go(buried, files=[str(victim), *map(str, attacks)], reason="a tampered file")
        for one in holdings.all():
            holdings.forget(one.key)
    done = retention.apply(settings, yes=True)

    assert [len(one.files) for one in done.removals] == [0]
    assert len(done.problems) == len(attacks) + 1
    assert victim.exists()
    assert (library / "link.mp4").is_symlink()
    assert (library / "script.sh").exists()


def test_an_untouchable_or_vanished_file_is_told_and_left(settings: Settings, tmp_path: Path) -> None:
    """Neither counts towards the bounds, and neither is an error."""
    away = tmp_path / "away.mp4"
    away.write_bytes(b"x")
    _hold(settings, 1, file=away)
    _hold(settings, 2).unlink()
    _hold(settings, 3)
    fates = {one.item.key: one.fate.value for one in retention.plan(settings).rulings}
    assert fates == {"site 1": "untouchable", "site 2": "gone", "site 3": "keep"}
    assert retention.apply(settings).problems == []
    assert away.exists()


def test_sidecars_of_another_item_stay(tmp_path: Path) -> None:
    """`Dr.mp4` does not take `Dr.No.nfo` along, nor what a person put there."""
    mine = ["Dr.nfo", "Dr.en-US.vtt", "Dr.jpg", "Dr-thumb.png", "Dr.info.json", "Dr.live_chat.json"]
    others = ["Dr.No.mp4", "Dr.No.srt", "Dr.No.nfo", "Dr. Who.nfo", "Dr.txt", "Dr2.nfo", "Dr.mkv.bak"]
    for name in ["Dr.mp4", *mine, *others]:
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "Dr.webp").symlink_to(tmp_path / "Dr.jpg")
    assert sorted(file.name for file in sidecars_of(tmp_path / "Dr.mp4")) == sorted(mine)


def test_a_file_that_two_items_claim_stays_with_the_other(settings: Settings) -> None:
    """Two clips of one page may share their notes."""
    first = _hold(settings, 1)
    shared = first.with_suffix(".nfo")
    _hold(settings, 2, files=(str(shared),))
    _hold(settings, 3)
    retention.apply(settings)
    assert not first.exists()
    assert shared.exists()
