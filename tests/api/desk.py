"""What the existing client remembers and does by itself (contract, sections 3.2, 9 and 11).

Jobs merged from events, a socket for each job that is under way, side files fetched when their version
is another, entries taken in only while a choice is awaited, sockets opened again after a while.
"""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import Any, Final

import httpx
from websockets.exceptions import WebSocketException

from tests.api.memory import Memory, awaits_choice
from tests.api.simulator import JOB_EVENTS, OVERVIEW_EVENTS, Listener, VidraClient

FOLLOWED: Final = {"running", "starting", "retrying", "cancelling", "pausing", "queued"}
SIDE_FILES: Final = ("options", "logs")


class Desk:
    """One running client. `back_off` is its first pause before reconnecting (2 s in the real one)."""

    def __init__(self, client: VidraClient, *, back_off: float = 2.0) -> None:
        self.client = client
        self.memory = Memory()
        self.side: dict[tuple[str, str], dict[str, Any]] = {}
        """Options and logs by job and name, as they were last fetched."""
        self.failures: list[BaseException] = []
        self._rooms: dict[str, Listener] = {}
        self._back_off, self._wait = back_off, back_off
        self._closed = threading.Event()
        self._lock = threading.RLock()
        self._overview: Listener | None = None
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self._keeper.start()

    def close(self) -> None:
        """Quit; raise what went wrong on the way."""
        self._closed.set()
        self._keeper.join(10)
        for listener in (self._overview, *self._rooms.values()):
            if listener is not None:
                listener.close()
                listener.names()
        if self.failures:
            raise self.failures[0]

    def job(self, job_id: str) -> dict[str, Any]:
        """Return the job as the user sees it; empty if it is not there."""
        with self._lock:
            return dict(self.memory.jobs.get(job_id, {}))

    def _keep(self) -> None:
        """Keep the sockets open that ought to be."""
        while not self._closed.wait(0.05):
            try:
                self._open_what_is_due()
                self._wait = self._back_off
            except (httpx.HTTPError, OSError, WebSocketException):
                self._closed.wait(self._wait)
                self._wait = min(30.0, self._wait * 2)
            except BaseException as error:  # noqa: BLE001 - the thread's edge; `close` raises it in the test
                self.failures.append(error)
                return

    def _open_what_is_due(self) -> None:
        if self._overview is None or self._overview.closed_with is not None:
            self._overview = self.client.listen("/ws/overview", OVERVIEW_EVENTS, self._hear_overview)
        with self._lock:
            due = {job_id for job_id, job in self.memory.jobs.items() if _is_followed(job)}
        for job_id in list(self._rooms):
            if job_id not in due or self._rooms[job_id].closed_with is not None:
                self._rooms.pop(job_id).close()
        for job_id in due - self._rooms.keys():
            hear = partial(self._hear_room, job_id)
            self._rooms[job_id] = self.client.listen(f"/ws/jobs/{job_id}", JOB_EVENTS, hear)

    def _hear_overview(self, event: str, payload: dict[str, Any]) -> None:
        if event == "update" and not payload.get("job_id"):
            self._refetch()
        elif event == "update":
            self._merge(payload)

    def _refetch(self) -> None:
        listed = self.client.refresh()
        with self._lock:
            self.memory.keep_only(set(self.client.jobs))
        for job in listed:
            self._merge(job)

    def _hear_room(self, job_id: str, event: str, payload: dict[str, Any]) -> None:
        if event == "update":
            self._merge(payload)
            return
        with self._lock:
            self.memory.hear(job_id, event, payload)

    def _merge(self, news: dict[str, Any]) -> None:
        with self._lock:
            self.memory.merge(news)
        if news["job_id"] in self.memory.jobs:
            for name in SIDE_FILES:
                self._look_at(news["job_id"], name, news)

    def _look_at(self, job_id: str, name: str, news: dict[str, Any]) -> None:
        """Fetch a side file again if its version is not the one we have."""
        version, known = news.get(f"{name}_version"), self.side.get((job_id, name), {})
        if version is None or version == known.get("version"):
            return
        limit = "&limit=200" if name == "logs" else ""
        since = f"&since={known['version']}" if known.get("version") is not None else ""
        status, found = self.client.call("GET", f"/api/jobs/{job_id}/{name}?detail=true{since}{limit}")
        if status == 200:  # 404 means that it is gone, which is no error
            self.side[job_id, name] = found


def wait_for_status(desk: Desk, job_id: str, *wanted: str, within: float = 60.0) -> dict[str, Any]:
    """Watch the desk, asking the server nothing, until the job has one of these statuses."""
    deadline = time.monotonic() + within
    while desk.job(job_id).get("status") not in wanted:
        assert time.monotonic() < deadline, f"never {wanted}: {desk.job(job_id)}"
        time.sleep(0.05)
    return desk.job(job_id)


def _is_followed(job: dict[str, Any]) -> bool:
    return job.get("status") in FOLLOWED or awaits_choice(job)
