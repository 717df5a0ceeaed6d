"""What `POST /api/shutdown` means for requests under way, by the clock."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.serving import Shim, settings_in, shim, until
from vidra.api.listening import DRAIN_S
from vidra.media.interface import Listing, MediaEntry


class SlowPreviewer:
    """Takes its time, as a slow site does."""

    def __init__(self, seconds: float) -> None:
        self.asked, self._seconds = threading.Event(), seconds

    async def preview(self, url: str, options: Mapping[str, Any]) -> Listing:
        """Return one entry, late."""
        del options
        self.asked.set()
        await asyncio.sleep(self._seconds)
        return Listing(url=url, is_playlist=False, entries=(MediaEntry(key="x 1", url=url, id="1"),))


def shut_down_during(folder: Path, seconds: float) -> tuple[float, Future[httpx.Response], bool]:
    """Ask to stop while a request of that length is under way; return how long that took, and its end."""
    previewer, settings = SlowPreviewer(seconds), settings_in(folder, preview_api=True)
    with (
        shim(folder, settings=settings, previewer=previewer, supervised=True) as served,
        ThreadPoolExecutor() as pool,
    ):
        under_way = pool.submit(_preview, served)
        assert previewer.asked.wait(10)
        with served.client() as client:
            begun = time.monotonic()
            assert client.post("/api/shutdown").json() == {"status": "stopping"}
        until(lambda: served.server.should_exit, "it has heard", within=5)
        refused = _refuses(served)
        until(lambda: not served.thread.is_alive(), "the server ends", within=10)
        return time.monotonic() - begun, under_way, refused


def _preview(served: Shim) -> httpx.Response:
    with served.client() as client:
        return client.post("/api/preview", json={"urls": "http://127.0.0.1/x"})


def _refuses(served: Shim) -> bool:
    """Whether a new connection is refused within a second, while the other request still runs."""
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        try:
            httpx.get(f"{served.base}/", timeout=1)
        except httpx.TransportError:
            return True
        time.sleep(0.02)
    return False


def test_a_request_under_way_is_finished_and_no_new_one_is_taken(tmp_path: Path) -> None:
    """Requirements 67, 68 and 71: one second is in time; a newcomer is refused meanwhile."""
    seconds, under_way, refused = shut_down_during(tmp_path, 1.0)

    assert under_way.result(1).status_code == 200
    assert refused
    assert seconds < DRAIN_S


def test_a_request_that_takes_too_long_is_cut(tmp_path: Path) -> None:
    """Requirement 68: ten seconds are cut at three, so that the supervisor need not use force."""
    seconds, under_way, _ = shut_down_during(tmp_path, 10.0)

    with pytest.raises((httpx.TransportError, AssertionError)):
        assert under_way.result(1).status_code == 200
    assert DRAIN_S - 0.5 <= seconds < DRAIN_S + 1.5
