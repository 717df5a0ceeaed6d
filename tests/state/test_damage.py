"""Torn ends are cut, everything else that is wrong with a file is kept aside and said aloud."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.state.builders import TABLE, filled, put, things
from vidra.errors import StateDamaged, StateTooNew
from vidra.state.journal import Journal

Things = dict[int, dict[str, object]]


def prefixes(documents: Things) -> list[Things]:
    """Return the state after each transaction."""
    return [dict(list(documents.items())[:count]) for count in range(len(documents) + 1)]


def test_a_journal_cut_at_any_byte_is_read_up_to_its_last_whole_line(tmp_path: Path) -> None:
    """ST-02: and the next change goes on from there."""
    path = tmp_path / "a.json"
    right = prefixes(filled(path, 6))
    whole = (tmp_path / "a.journal").read_bytes()
    states = []
    for cut in range(len(whole) + 1):
        (tmp_path / "a.journal").write_bytes(whole[:cut])
        states.append(things(path))
        assert states[-1] in right
        put(Journal(path), 99, {"name": "next"})
        assert things(path) == {**states[-1], 99: {"name": "next"}}
    assert [len(state) for state in states] == sorted(len(state) for state in states)
    assert len(states[-1]) == 6


@pytest.mark.parametrize("cut", [1, 20, 60, 10_000])
def test_a_journal_that_ends_before_its_snapshot_is_begun_anew(tmp_path: Path, cut: int) -> None:
    """A power cut may take lines that were not synced but are in the snapshot; what follows is kept."""
    path = tmp_path / "a.json"
    documents = filled(path, 3)
    Journal(path).checkpoint()
    whole = (tmp_path / "a.journal").read_bytes()
    (tmp_path / "a.journal").write_bytes(whole[: max(0, len(whole) - cut)])
    put(Journal(path), 4, documents[3])
    assert things(path) == {**documents, 4: documents[3]}
    put(Journal(path), 5, documents[3])
    assert sorted(things(path)) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "tail", [b"\0" * 700, b"\0\n", b"garbage", b"garbage\n", b"00000000 [9,[]]\n", b"\n\n\n"]
)
def test_rubbish_behind_the_last_line_is_cut(tmp_path: Path, tail: bytes) -> None:
    """ST-03: what some file systems leave after a power cut."""
    path = tmp_path / "a.json"
    documents = filled(path, 3)
    with (tmp_path / "a.journal").open("ab") as journal:
        journal.write(tail)
    assert things(path) == documents
    put(Journal(path), 9, {"name": "next"})
    assert things(path) == {**documents, 9: {"name": "next"}}


def test_a_torn_end_with_a_whole_line_in_it_is_kept(tmp_path: Path) -> None:
    """It may have been a change that was acknowledged, so somebody can look at it."""
    path = tmp_path / "a.json"
    filled(path, 3)
    flipped = bytearray((tmp_path / "a.journal").read_bytes())
    flipped[-10] ^= 1
    (tmp_path / "a.journal").write_bytes(flipped)
    put(Journal(path), 9, {"name": "next"})
    [kept] = tmp_path.glob("a.torn-*.journal")
    assert b"thing 3" in kept.read_bytes()
    assert sorted(things(path)) == [1, 2, 9]


def test_damage_in_the_middle_is_kept_aside_and_told_once(tmp_path: Path) -> None:
    """The last good state is in place afterwards, and the damaged file is whole under a dated name."""
    path = tmp_path / "a.json"
    documents = filled(path, 6)
    data = bytearray((tmp_path / "a.journal").read_bytes())
    data[data.index(b"thing 4")] ^= 1
    (tmp_path / "a.journal").write_bytes(data)
    with pytest.raises(StateDamaged, match="damaged line") as raised:
        things(path)
    aside = raised.value.quarantine
    assert aside is not None
    assert aside.read_bytes() == bytes(data)
    assert aside.stat().st_mode & 0o777 == 0o600
    assert things(path) == prefixes(documents)[3]
    put(Journal(path), 9, {"name": "next"})
    assert sorted(things(path)) == [1, 2, 3, 9]


def test_repair_restores_without_raising(tmp_path: Path) -> None:
    """For who would rather go on at once; the log still says it."""
    path = tmp_path / "a.json"
    documents = filled(path, 3)
    data = (tmp_path / "a.journal").read_bytes()
    (tmp_path / "a.journal").write_bytes(data.replace(b"thing 2", b"thing 8"))
    with Journal(path, repair=True).reading() as replica:
        assert replica.tables[TABLE] == prefixes(documents)[1]
    assert list(tmp_path.glob("a.damaged-*"))


def test_a_damaged_snapshot_is_rebuilt_without_loss(tmp_path: Path) -> None:
    """From the generation before and both journals, at any flipped bit."""
    path = tmp_path / "a.json"
    documents = filled(path, 4, compacted=True)
    put(Journal(path), 5, {"name": "later"})
    data = bytearray(path.read_bytes())
    data[data.index(b"thing 2")] ^= 4
    path.write_bytes(data)
    with pytest.raises(StateDamaged, match="the last good state was restored"):
        things(path)
    assert things(path) == {**documents, 5: {"name": "later"}}


def test_a_snapshot_that_is_gone_is_rebuilt_without_loss(tmp_path: Path) -> None:
    """Deleted or emptied, its journal gives it away."""
    path = tmp_path / "a.json"
    documents = filled(path, 4, compacted=True)
    for destroy in (path.unlink, lambda: path.write_bytes(b"")):
        destroy()
        with pytest.raises(StateDamaged, match="missing"):
            things(path)
        assert things(path) == documents


def test_what_cannot_be_rebuilt_is_said_to_be_partial(tmp_path: Path) -> None:
    """The changes since the last compaction are better than nothing."""
    path = tmp_path / "a.json"
    filled(path, 2, compacted=True)
    put(Journal(path), 9, {"name": "later"})
    for file in (path, tmp_path / "a.previous.json", tmp_path / "a.previous.journal"):
        file.unlink(missing_ok=True)
    with pytest.raises(StateDamaged, match="what could be read was restored"):
        things(path)
    assert things(path) == {9: {"name": "later"}}


def flip_bits(folder: Path, count: int) -> tuple[int, int]:
    """Flip one random bit at a time; return how often it was refused and how often it only cut the end."""
    chance, path = random.Random(4), folder / "a.json"
    compacted: Things = dict(filled(path, 12, size=60, compacted=True))
    put(Journal(path), 1, {"name": "changed"})
    right = [{**compacted, 1: {"name": "changed"}}, compacted]
    originals = {
        file: file.read_bytes() for file in folder.glob("a*") if file.suffix in {".json", ".journal"}
    }
    refused = cut = 0
    for _ in range(count):
        for extra in set(folder.iterdir()) - set(originals):
            extra.unlink()
        for file, data in originals.items():
            file.write_bytes(data)
        flip_one(chance.choice((path, folder / "a.journal")), chance)
        try:
            state = things(path)
        except StateTooNew:
            refused += 1  # the flipped bit was in the number of the format
        except StateDamaged:
            refused += 1
            assert things(path) in right
        else:
            assert state in right
            cut += state == compacted
    return refused, cut


def flip_one(victim: Path, chance: random.Random) -> None:
    """Flip one bit of the file."""
    content = bytearray(victim.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    victim.write_bytes(content)


def test_no_flipped_bit_goes_unnoticed(tmp_path: Path) -> None:
    """ST-04, short: refused, or cut as a torn end; never other content than was written."""
    refused, cut = flip_bits(tmp_path, 400)
    assert refused > 200
    assert cut > 0


@pytest.mark.long
@pytest.mark.timeout(900)
def test_none_of_ten_thousand_flipped_bits_goes_unnoticed(tmp_path: Path) -> None:
    """ST-04 in full."""
    assert sum(flip_bits(tmp_path, 10_000)) > 8000
