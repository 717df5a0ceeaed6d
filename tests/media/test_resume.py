"""Stopping, killing and coming back."""

from __future__ import annotations

import contextlib
import hashlib
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.media.studio import Studio
from vidra.errors import Cancelled
from vidra.media.ffmpeg import find_ffmpeg
from vidra.media.interface import StopSignal

CHILD = """
import sys
from pathlib import Path
from tests.media.studio import Studio
from tests.site import MediaSite

studio = Studio(site=MediaSite(Path(), sys.argv[1]), root=Path(sys.argv[2]))
studio.download(sys.argv[3])
"""


def wait_until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Poll until the condition holds; fail after that many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)  # between two looks


def arrived(studio: Studio) -> int:
    """Return how many bytes of the unfinished file are on disk."""
    return sum(path.stat().st_size for path in studio.work.rglob("*.part")) if studio.work.exists() else 0


def kill_half_way(studio: Studio, page: str, after: int) -> None:
    """Download in another process, and kill -9 it when more than `after` bytes are there."""
    command = [sys.executable, "-c", textwrap.dedent(CHILD), studio.site.base, str(studio.root), page]
    with subprocess.Popen(command, cwd=Path(__file__).parents[2]) as child:
        wait_until(lambda: arrived(studio) > after)
        child.kill()


def test_a_killed_download_resumes(studio: Studio) -> None:
    """`kill -9` half way: the next attempt asks for the rest only, and the file is whole."""
    page = "p/rate500000,tagkill/m/vid001.mp4"
    kill_half_way(studio, page, after=150_000)
    media = studio.download(page)
    assert media.path.read_bytes() == studio.site.file("m/vid001.mp4").read_bytes()
    asked = studio.site.requests("/f/rate500000,tagkill")[-1].headers["range"]
    assert int(asked.removeprefix("bytes=").rstrip("-")) >= 150_000


def test_a_killed_hls_download_resumes(studio: Studio) -> None:
    """The same for fragments: those that are there are not fetched again."""
    page = "p/rate400000,taghls/hls/vid001/hi.m3u8"
    kill_half_way(studio, page, after=200_000)
    before = len(studio.site.requests("/f/rate400000,taghls/hls/vid001/hi000.ts"))
    assert studio.download(page).duration == pytest.approx(6.0, abs=0.3)
    assert len(studio.site.requests("/f/rate400000,taghls/hls/vid001/hi000.ts")) == before == 1


def stopped_after(studio: Studio, page: str, ready: Callable[[], object]) -> float:
    """Set the stop signal once ready; return how many seconds the download took to obey."""
    stop, moment = StopSignal(), [0.0]

    def ask() -> None:
        wait_until(ready)
        moment[0] = time.monotonic()
        stop.set("enough")

    asker = threading.Thread(target=ask)
    asker.start()
    with pytest.raises(Cancelled, match="enough"):
        studio.download(page, stop=stop, socket_timeout=20)
    asker.join()
    return time.monotonic() - moment[0]


def test_a_stop_ends_a_slow_download_and_keeps_the_part(studio: Studio) -> None:
    """Obeyed within about a second; what arrived stays."""
    took = stopped_after(studio, "p/rate100000,tagstop/m/vid001.mp4", lambda: arrived(studio) > 20_000)
    assert took < 1.5
    assert studio.part().stat().st_size > 20_000


def test_a_stop_ends_a_stalled_download(studio: Studio) -> None:
    """The thread sits in a socket that will say nothing for 15 seconds, and is woken."""
    page = "p/stall15at100000x1,tagstopstall/m/vid001.mp4"
    assert stopped_after(studio, page, lambda: arrived(studio) > 50_000) < 1.5


def test_a_stop_ends_waiting_for_an_answer(studio: Studio) -> None:
    """The server has taken the request and says nothing: the listing is woken too."""
    path = "f/wait15,tagstopwait/v/vid001.html"
    stop = StopSignal()
    timer = threading.Timer(0.4, stop.set)
    timer.start()
    began = time.monotonic()
    with studio.session(socket_timeout=20) as session, pytest.raises(Cancelled):
        session.list(studio.site.url(path), stop=stop)
    assert time.monotonic() - began < 2.0
    timer.join()


def test_a_stop_kills_ffmpeg(studio: Studio, tmp_path: Path) -> None:
    """A post-processor that would run for a minute is ended, and no child is left."""
    slow = tmp_path / "ffmpeg"
    slow.write_text(
        '#!/bin/sh\ncase "$*" in *Metadata*|*metadata*) exec sleep 60;; *) exec "$REAL" "$@";; esac\n'
    )
    slow.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REAL", str(find_ffmpeg()))
        patch.setenv("PATH", str(tmp_path), prepend=":")
        find_ffmpeg.cache_clear()
        stop = StopSignal()

        def wake() -> None:
            wait_until(sleeping_children)
            stop.set("enough")

        waker = threading.Thread(target=wake)
        waker.start()
        with pytest.raises(Cancelled):
            studio.download("v/vid001.html", stop=stop, embed_metadata=True, remux_video="mkv")
        waker.join()
    find_ffmpeg.cache_clear()
    assert not sleeping_children()


def sleeping_children() -> list[int]:
    """Return our children that sleep in the place of ffmpeg."""
    found = []
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if child.name() == "sleep" and child.status() != psutil.STATUS_ZOMBIE:
                found.append(child.pid)
    return found


def test_a_stop_before_the_start_does_nothing(studio: Studio) -> None:
    """No request is made for an entry whose job was cancelled."""
    stop = StopSignal()
    stop.set("gone")
    with pytest.raises(Cancelled, match="gone"):
        studio.download("p/tagneverasked/m/vid001.mp4", stop=stop)
    assert studio.site.requests("tagneverasked") == []


def test_another_format_does_not_resume_the_part_of_the_first(studio: Studio) -> None:
    """Parts are named after their format, so two renditions never mix."""
    page = "vh/vid001.html"
    first = studio.download(page, format="300")
    second = studio.download(page, format="700", force_overwrites=True)
    digests = {hashlib.sha256(m.path.read_bytes()).hexdigest() for m in (first, second)}
    assert len(digests) == 2


def test_a_stop_concerns_one_session_only(studio: Studio) -> None:
    """Two downloads side by side: one is stopped in the middle, the other arrives whole."""
    stop, stopped = StopSignal(), list[BaseException]()

    def slow() -> None:
        try:
            studio.download("p/rate50000,tagside1/m/vid001.mp4", stop=stop)
        except Cancelled as error:
            stopped.append(error)

    neighbour = threading.Thread(target=slow)
    neighbour.start()
    wait_until(lambda: arrived(studio) > 10_000)
    threading.Timer(0.2, stop.set).start()
    media = studio.download("p/rate1000000,tagside2/m/vid002.mp4")
    neighbour.join()
    assert len(stopped) == 1
    assert media.path.read_bytes() == studio.site.file("m/vid002.mp4").read_bytes()


@pytest.mark.long
def test_twenty_kills_at_any_moment_leave_a_whole_file(studio: Studio) -> None:
    """Killed again and again, at growing sizes, the same download ends whole."""
    page = "p/rate2000000,taglong/m/big.mp4"
    size = studio.site.file("m/big.mp4").stat().st_size
    for number in range(1, 21):
        kill_half_way(studio, page, after=number * size // 22)
    media = studio.download(page)
    assert media.path.read_bytes() == studio.site.file("m/big.mp4").read_bytes()
