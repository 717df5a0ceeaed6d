"""When a part may be continued."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidra.media.origin import Origin, Validators

OLD = Validators(etag='"1"', modified="Mon, 01 Jan 2024 00:00:00 GMT", size=100)


@pytest.mark.parametrize(
    ("seen", "continues"),
    [
        (OLD, True),
        (Validators(etag='"1"', modified="Tue, 02 Jan 2024 00:00:00 GMT", size=100), True),
        (Validators(size=100), True),
        (Validators(), True),
        (Validators(etag='"2"', modified=OLD.modified, size=100), False),
        (Validators(modified="Tue, 02 Jan 2024 00:00:00 GMT", size=100), False),
        (Validators(etag='"1"', size=101), False),
    ],
)
def test_a_part_continues_only_the_same_edition(tmp_path: Path, seen: Validators, *, continues: bool) -> None:
    """A size that differs decides, then the ETag, then the date; silence contradicts nothing."""
    origin = Origin(tmp_path / "x.part")
    origin.begin(OLD)
    assert origin.continues(seen) is continues


def test_a_part_without_a_readable_record_continues_nothing(tmp_path: Path) -> None:
    """Neither a missing nor a torn record is trusted."""
    origin = Origin(tmp_path / "x.part")
    assert not origin.continues(OLD)
    (tmp_path / "x.part.origin").write_text('{"etag": ')
    assert not origin.continues(OLD)


def test_sizes_are_those_of_the_whole_file() -> None:
    """Of a partial answer the total counts, of an encoded one nothing."""
    assert Validators.of({"Content-Range": "bytes 5-9/10", "Content-Length": "5"}).size == 10
    assert Validators.of({"Content-Length": "7"}).size == 7
    assert Validators.of({"Content-Length": "7", "Content-Encoding": "gzip"}).size is None


def test_fragments_of_another_edition_are_dropped(tmp_path: Path) -> None:
    """A manifest with a new ETag: the assembled part and its state go."""
    origin = Origin(tmp_path / "x.mp4.part")
    origin.begin(OLD)
    for name in ("x.mp4.part", "x.mp4.ytdl", "x.mp4.part-Frag3.part"):
        (tmp_path / name).write_text("half")
    origin.drop_fragments()
    origin.begin(Validators(etag='"2"'))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.mp4.part.origin"]
