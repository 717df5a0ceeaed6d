"""Retention that is killed in the middle leaves nothing half done: the next run finishes it."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.shell import Shell, environment
from vidra.state.holdings import Holding, open_holdings

pytestmark = pytest.mark.slow

ITEMS, KEPT = 300, 50
SIDECARS = (".nfo", ".info.json", "-thumb.jpg", ".en.vtt")


@pytest.mark.timeout(240)
def test_after_two_kills_every_item_is_whole_or_gone(shell: Shell) -> None:
    """Short version of the loop below."""
    _survives(shell, kills=2, seed=random.randrange(1 << 32))


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_after_twenty_kills_every_item_is_whole_or_gone(shell: Shell) -> None:
    """`kill -9` at twenty random moments of removing 250 items with four sidecars each."""
    _survives(shell, kills=20, seed=random.randrange(1 << 32))


def _survives(shell: Shell, *, kills: int, seed: int) -> None:
    moments = random.Random(seed)
    library = shell.root / "library"
    keys = _fill(shell.data, library)
    with shell.config.open("a", encoding="utf-8") as file:
        file.write(
            f"subscriptions: {{talks: {{urls: 'https://example.org/x', retention: {{max_items: {KEPT}}}}}}}\n"
        )
    died = 0
    for _ in range(kills):
        died += _killed_while_removing(shell, library, moments)
        _nothing_is_half_known(shell, keys, seed)
    last = shell.run("retention", "apply", "--yes", "--json", timeout=100)
    assert last.returncode == 0, (seed, last.stdout, last.stderr)
    _exactly_the_newest_are_there(shell, library, keys, seed)
    assert died, seed


def _fill(data: Path, library: Path) -> list[str]:
    """Put items with sidecars into library, holdings and archive; return their keys, oldest first."""
    data.mkdir(parents=True, exist_ok=True)
    keys = []
    with open_holdings(data) as holdings:
        for number in range(ITEMS):
            folder = library / f"Season {number // 20:02}"
            folder.mkdir(parents=True, exist_ok=True)
            main = folder / f"item {number:03}.mp4"
            files = [main, *(main.with_name(main.stem + end) for end in SIDECARS)]
            for one in files:
                one.write_bytes(b"x" * 50)
            day = f"2024-{number // 28 + 1:02}-{number % 28 + 1:02}"
            key = f"site {number:03}"
            keys.append(key)
            holdings.keep(
                Holding(
                    key=key, url=f"https://example.org/{number}", title=main.stem, main_file=str(main),
                    files=tuple(map(str, files)), size=50, upload_date=day,
                    downloaded_at=f"{day}T00:00:00.000000Z", lists=("talks",),
                )
            )  # fmt: skip
    (data / "archive.txt").write_text("".join(f"{key}\n" for key in keys))
    return keys


def _killed_while_removing(shell: Shell, library: Path, moments: random.Random) -> bool:
    """Kill a run shortly after its first removal; return whether it was still at work."""
    before = sum(1 for _ in library.rglob("*.mp4"))
    run = subprocess.Popen(
        shell.command("retention", "apply", "--yes"), env=environment() | shell.variables,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while run.poll() is None and sum(1 for _ in library.rglob("*.mp4")) == before:
        pass
    time.sleep(moments.uniform(0.0, 0.02))  # not a wait for something: the random moment itself
    was_at_work = run.poll() is None
    if was_at_work:
        os.kill(run.pid, signal.SIGKILL)
    run.wait()
    return was_at_work


def _nothing_is_half_known(shell: Shell, keys: list[str], seed: int) -> None:
    """Check that the archive has every key; an item is held with all its files, or buried with the rest."""
    assert shell.run("state", "check").returncode == 0, seed
    assert set(keys) <= set((shell.data / "archive.txt").read_text().splitlines()), seed
    with open_holdings(shell.data) as holdings:
        held = {one.key: one for one in holdings.all()}
        buried = holdings.tombstones()
    assert sorted([*held, *buried]) == keys, seed
    assert all(Path(file).exists() for one in held.values() for file in one.files), seed
    for stone in buried.values():
        left = [file for file in map(Path, stone.files) if file.exists()]
        assert not left or stone.files, seed


def _exactly_the_newest_are_there(shell: Shell, library: Path, keys: list[str], seed: int) -> None:
    names = sorted(path.name for path in library.rglob("*") if path.is_file())
    expected = sorted(
        f"item {number:03}{end}" for number in range(ITEMS - KEPT, ITEMS) for end in (".mp4", *SIDECARS)
    )
    assert names == expected, seed
    gone = json.loads(shell.run("archive", "ls", "--deleted", "--json").stdout)
    assert [one["key"] for one in gone] == keys[: ITEMS - KEPT], seed
    with open_holdings(shell.data) as holdings:
        assert not holdings.unfinished(), seed
    assert not [folder for folder in library.rglob("*") if folder.is_dir() and not any(folder.iterdir())]
