"""How files get into the library, and what stays out of it."""

from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from vidra.errors import PathRefused
from vidra.media.delivery import Destination, deliver


def desk(tmp_path: Path, **contents: str) -> tuple[Path, list[Path]]:
    """Return a media file and its sidecars in a work folder."""
    work = tmp_path / "work"
    work.mkdir(exist_ok=True)
    media = work / "media-1.mp4"
    media.write_text(contents.pop("media", "film"))
    sidecars = []
    for suffix, text in contents.items():
        sidecars.append(work / f"media-1.{suffix.replace('_', '.')}")
        sidecars[-1].write_text(text)
    return media, sidecars


def place(tmp_path: Path, name: str = "A/Title.mp4", *, same: bool = False) -> Destination:
    """Return a destination in a library."""
    root = tmp_path / "library"
    root.mkdir(exist_ok=True)
    return Destination(target=root / name, root=root, media_id="abc", is_same=lambda _: same)


def shelf(tmp_path: Path) -> dict[str, str]:
    """Return names and contents of the library."""
    root = tmp_path / "library"
    return {str(p.relative_to(root)): p.read_text() for p in sorted(root.rglob("*")) if p.is_file()}


def test_sidecars_go_with_their_media(tmp_path: Path) -> None:
    """All take the stem of the media file and keep what follows it."""
    media, sidecars = desk(tmp_path, info_json="{}", en_vtt="subs", jpg="picture")
    done = deliver(media, sidecars, place(tmp_path))
    assert list(shelf(tmp_path)) == ["A/Title.en.vtt", "A/Title.info.json", "A/Title.jpg", "A/Title.mp4"]
    assert (done.media.name, len(done.sidecars)) == ("Title.mp4", 3)
    assert list((tmp_path / "work").iterdir()) == []


def test_another_video_of_the_same_name_is_never_overwritten(tmp_path: Path) -> None:
    """The newcomer gets its id into the name, sidecars included."""
    deliver(*desk(tmp_path, jpg="one"), place(tmp_path))
    deliver(*desk(tmp_path, media="other film", jpg="two"), place(tmp_path))
    assert shelf(tmp_path)["A/Title.mp4"] == "film"
    assert shelf(tmp_path)["A/Title [abc].mp4"] == "other film"
    assert shelf(tmp_path)["A/Title [abc].jpg"] == "two"


def test_the_same_video_replaces_its_older_self(tmp_path: Path) -> None:
    """Where the caller says it is the same, one file remains."""
    deliver(*desk(tmp_path), place(tmp_path))
    deliver(*desk(tmp_path, media="better film"), place(tmp_path, same=True))
    assert shelf(tmp_path) == {"A/Title.mp4": "better film"}


def test_identical_content_is_kept_once(tmp_path: Path) -> None:
    """A run that died after delivering comes by again and changes nothing."""
    deliver(*desk(tmp_path), place(tmp_path))
    assert deliver(*desk(tmp_path), place(tmp_path)).existed
    assert shelf(tmp_path) == {"A/Title.mp4": "film"}


@pytest.mark.parametrize("suffix", ["exe", "sh", "desktop", "url", "webloc", "lnk", "html", "unknown_video"])
def test_other_kinds_of_files_stay_out(tmp_path: Path, suffix: str) -> None:
    """SEC-04: only media, subtitles, pictures and notes; the library is untouched otherwise."""
    media, sidecars = desk(tmp_path, **{suffix: "x"})
    with pytest.raises(PathRefused):
        deliver(media, sidecars, place(tmp_path))
    assert shelf(tmp_path) == {}


def test_a_link_in_the_target_s_place_is_refused(tmp_path: Path) -> None:
    """SEC-13: a planted symlink does not redirect the file."""
    destination = place(tmp_path, "Title.mp4", same=True)
    outside = tmp_path / "outside.mp4"
    outside.write_text("mine")
    destination.target.symlink_to(outside)
    with pytest.raises(PathRefused):
        deliver(*desk(tmp_path), destination)
    assert outside.read_text() == "mine"


def test_a_folder_link_out_of_the_library_is_refused(tmp_path: Path) -> None:
    """SEC-13: nor does a linked folder."""
    destination = place(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    destination.target.parent.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PathRefused):
        deliver(*desk(tmp_path), destination)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_racing_deliveries_lose_nothing(tmp_path: Path) -> None:
    """Eight workers with eight films of one title: eight files."""

    def one(number: int) -> None:
        work = tmp_path / f"work{number}"
        work.mkdir()
        media = work / "media-1.mp4"
        media.write_text(f"film {number}")
        deliver(media, [], place(tmp_path))

    place(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(8)))
    assert sorted(shelf(tmp_path).values()) == [f"film {number}" for number in range(8)]


@pytest.fixture
def across_file_systems(tmp_path: Path) -> Path:
    """Return a folder on another file system than `tmp_path`."""
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second file system here")
    folder = other / f"vidra-test-{os.getpid()}-{tmp_path.name}"
    folder.mkdir()
    return folder


def test_a_move_across_file_systems_is_whole_or_not_there(tmp_path: Path, across_file_systems: Path) -> None:
    """Copied beside the target, flushed, renamed; no scratch file stays."""
    try:
        media = across_file_systems / "media-1.mp4"
        media.write_text("film")
        deliver(media, [], place(tmp_path))
        assert shelf(tmp_path) == {"A/Title.mp4": "film"}
        assert not media.exists()
    finally:
        for path in across_file_systems.iterdir():
            path.unlink()
        across_file_systems.rmdir()


def test_without_hard_links_the_move_still_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ExFAT and some network shares refuse `link`."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    deliver(*desk(tmp_path), place(tmp_path))
    assert shelf(tmp_path) == {"A/Title.mp4": "film"}
