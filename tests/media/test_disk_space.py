"""Full disks, foreseen and met."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from tests.media.studio import Studio
from vidra.errors import DiskFull, TryLater
from vidra.media.disk_space import check_room, expected_bytes
from vidra.media.workspace import Workspace


def test_sizes_of_streams_add_up() -> None:
    """Exact, approximate and computed from the bit rate."""
    streams = [{"filesize": 100}, {"filesize_approx": 50}, {"tbr": 8}]
    assert expected_bytes({"requested_formats": streams, "duration": 10}) == 100 + 50 + 10_000


def test_an_unknown_size_is_unknown() -> None:
    """None, not zero."""
    assert expected_bytes({"url": "x"}) is None


def test_too_little_room_is_refused_before_the_first_byte(studio: Studio) -> None:
    """DiskFull names the needed and the free bytes; the file is not asked for."""
    with studio.session(free=lambda _: 1000) as session, pytest.raises(DiskFull) as caught:
        session.download(studio.entry("v/vid003.html"), workdir=studio.work)
    assert caught.value.free == 1000
    assert caught.value.needed is not None
    assert caught.value.needed > 400_000
    assert studio.shelf() == []


def test_the_floor_stays_free(tmp_path: Path) -> None:
    """Even a download of unknown size leaves the configured floor alone."""
    facts = {"work": tmp_path, "target": tmp_path / "x", "expected": None, "present": 0}
    check_room(**facts, floor=500, free=lambda _: 500)  # type: ignore[arg-type]  # one dict for two calls
    with pytest.raises(DiskFull):
        check_room(**facts, floor=501, free=lambda _: 500)  # type: ignore[arg-type]  # the same


def test_what_is_there_already_is_not_needed_again(tmp_path: Path) -> None:
    """Resuming the last megabyte of a gigabyte does not need two gigabytes."""
    check_room(work=tmp_path, target=tmp_path, expected=1000, present=900, floor=0, free=lambda _: 1100)


def test_both_file_systems_are_checked(tmp_path: Path) -> None:
    """A roomy work folder does not hide a full library."""
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second file system here")
    with tempfile.TemporaryDirectory(dir=other) as work, pytest.raises(DiskFull) as caught:
        check_room(
            work=Path(work), target=tmp_path, expected=100, present=0, floor=0,
            free=lambda path: 50 if path == tmp_path else 10_000,
        )  # fmt: skip
    assert caught.value.path == tmp_path


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_a_disk_that_fills_up_is_disk_full(studio: Studio) -> None:
    """ENOSPC in the middle: DiskFull, which is no TryLater."""
    entry = studio.entry("p/tagenospc/m/vid001.mp4")
    folder = Workspace.of(studio.work, entry.key).folder
    folder.mkdir(parents=True)
    (folder / "media-0.mp4.part").symlink_to("/dev/full")
    with studio.session() as session, pytest.raises(DiskFull) as caught:
        session.download(entry, workdir=studio.work)
    assert not isinstance(caught.value, TryLater)
