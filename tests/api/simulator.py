"""The existing Vidra client, as its contract describes what it does and how strictly it reads.

Written from the contract page alone. Every reply and every event that arrives goes through the casts a
Dart client makes (`tests.api.replies`, `tests.api.casts`); a wrong type raises, as it would there. What
the client remembers of them is in `tests.api.desk`.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.api import casts
from tests.api.client_defaults import DEFAULT_OPTIONS, METADATA
from tests.api.replies import read_reply
from tests.api.serving import until

TERMINAL = {"completed", "completed_with_errors", "failed", "cancelled"}
OVERVIEW_EVENTS = {"update", "log", "overview"}
JOB_EVENTS = {
    "update",
    "progress",
    "playlist_preview_entry",
    "playlist_snapshot",
    "playlist_progress",
    "playlist_entry_progress",
    "global_info",
    "entry_info",
    "list_info_ends",
    "log",
    "error",
}


class Listener:
    """One WebSocket of the client: collects what it hears, in order, from a thread."""

    def __init__(
        self, url: str, events: set[str], *, hear: Callable[[str, dict[str, Any]], None] | None = None
    ) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.largest = 0
        self.failure: BaseException | None = None
        self.closed_with: int | None = None
        self._events, self._tell = events, hear
        self.connection: ClientConnection = connect(url, max_size=None)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        try:
            for text in self.connection:
                self._hear(text)
        except ConnectionClosed:
            pass
        except BaseException as error:  # noqa: BLE001 - the thread's edge; `names` raises it in the test
            self.failure = error
        self.closed_with = self.connection.close_code

    def _hear(self, text: str | bytes) -> None:
        assert isinstance(text, str), "text frames only"
        message = json.loads(text)
        assert set(message) == {"event", "payload"}, message
        event, payload = message["event"], message["payload"]
        assert event in self._events, f"not for this room: {event}"
        if event != "list_info_ends":
            self.largest = max(self.largest, len(text.encode()))
        casts.read_event(event, payload)
        self.heard.append((event, payload))
        if self._tell is not None:
            self._tell(event, payload)

    def close(self) -> None:
        """Hang up."""
        self.connection.close()
        self._thread.join(5)

    def names(self) -> list[str]:
        """Return what was heard: events, updates with their reason."""
        if self.failure:
            raise self.failure
        return [f"update({p['reason']})" if e == "update" else e for e, p in list(self.heard)]

    def payloads(self, event: str) -> list[dict[str, Any]]:
        """Return the payloads of one event."""
        self.names()
        return [payload for name, payload in list(self.heard) if name == event]

    def wait_for(self, name: str, *, within: float = 15.0) -> None:
        """Wait until something of that name (see `names`) was heard."""
        until(lambda: name in self.names(), f"hearing {name}; heard {self.names()}", within=within)


class VidraClient:
    """What the desktop client does with a back end."""

    def __init__(
        self,
        base: str,
        token: str,
        *,
        service: str = "Vidra Download Service",
        downloads: Path | None = None,
    ) -> None:
        """Take the folder that the user's client puts files into as `downloads`."""
        self.base, self._service = base, service
        self._folders = {} if downloads is None else {"paths": {"home": str(downloads)}}
        headers = {"Authorization": f"Bearer {token}", "X-API-Token": token}
        self._http = httpx.Client(
            base_url=base, headers=headers, timeout=30, follow_redirects=True, max_redirects=5
        )
        self._token = token
        self.listeners: list[Listener] = []
        self.jobs: dict[str, dict[str, Any]] = {}

    @classmethod
    def adopting(cls, base: str, status_file: Path, *, downloads: Path | None = None) -> VidraClient:
        """Take over a running server: right name in its health, token from the status file (7.2)."""
        health = httpx.get(f"{base}/", timeout=2)
        assert health.status_code == 200
        assert health.json()["service"] == "Vidra Download Service"
        startup = json.loads(status_file.read_text(encoding="utf-8"))
        assert startup["status"] in {"success", "reused"}, startup
        return cls(base, startup["token"], downloads=downloads)

    def close(self) -> None:
        """Hang up everywhere."""
        for listener in self.listeners:
            listener.close()
        self._http.close()

    def adopts(self) -> bool:
        """Whether a running server is ours: its health, asked without token, names our service."""
        reply = httpx.get(f"{self.base}/", timeout=2)
        read_reply("GET", "/", reply.status_code, reply.json())
        return reply.status_code == 200 and reply.json()["service"] == self._service

    def answers(self) -> bool:
        """Whether the server answers, as the reconnecting client finds out."""
        try:
            return self.adopts()
        except httpx.HTTPError:
            return False

    def start(self) -> Listener:
        """Open the overview; its first message makes the client fetch the list."""
        overview = self.listen("/ws/overview", OVERVIEW_EVENTS)
        overview.wait_for("update(initial_sync)")
        assert overview.heard[0][1].get("job_id") is None
        self.refresh()
        return overview

    def refresh(self) -> list[dict[str, Any]]:
        """Fetch the list."""
        reply = self.fetch("/api/jobs")
        self.jobs = {job["job_id"]: job for job in reply["jobs"]}
        return list(reply["jobs"])

    def create(self, url: str, **options: Any) -> dict[str, Any]:
        """Ask for a download with every option the client has, then fetch the detail at once."""
        body = {"urls": url, "options": self.options(**options), "metadata": METADATA}
        status, created = self.call("POST", "/api/jobs", body)
        assert status == 201, created
        assert created["job_id"]
        return self.detail(created["job_id"])

    def options(self, **options: Any) -> dict[str, Any]:
        """Return every option the client has, these ones changed."""
        return {**DEFAULT_OPTIONS, **self._folders, **options}

    def detail(self, job_id: str) -> dict[str, Any]:
        """Fetch one job."""
        return self.fetch(f"/api/jobs/{job_id}")

    def watch(self, job_id: str) -> Listener:
        """Open the job's own socket."""
        listener = self.listen_to(job_id)
        listener.wait_for("update(initial_sync)")
        return listener

    def listen_to(self, job_id: str) -> Listener:
        """Open a job's socket and expect nothing."""
        return self.listen(f"/ws/jobs/{job_id}", JOB_EVENTS)

    def command(self, job_id: str, name: str, body: Any = None) -> tuple[int, dict[str, Any]]:
        """Send a command; return status code and reply."""
        return self.call("POST", f"/api/jobs/{job_id}/{name}", body)

    def delete(self, job_id: str) -> tuple[int, dict[str, Any]]:
        """Delete a job."""
        return self.call("DELETE", f"/api/jobs/{job_id}")

    def entries(self, job_id: str) -> list[dict[str, Any]]:
        """Fetch the list's entries, in every way the detail screen has."""
        changes = self.fetch(f"/api/jobs/{job_id}/playlist/items/delta")
        for path in ("playlist", "playlist?include=entries", "playlist/items?limit=500"):
            self.fetch(f"/api/jobs/{job_id}/{path}")
        return list(changes["playlist"]["entries"])

    def side_files(
        self, job_id: str, *, since: tuple[int | None, int | None] = (None, None)
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Fetch options and logs as the client does when their versions are not those it has."""
        known = [f"&since={version}" if version is not None else "" for version in since]
        options = self.fetch(f"/api/jobs/{job_id}/options?detail=true{known[0]}")
        logs = self.fetch(f"/api/jobs/{job_id}/logs?detail=true&limit=200{known[1]}")
        return options, logs

    def preview(self, url: str) -> dict[str, Any] | None:
        """Ask what the address names; the client has the method, behind the server's flag."""
        status, reply = self.call("POST", "/api/preview", {"urls": url, "options": self.options()})
        assert status == 200, reply
        found: dict[str, Any] | None = reply["preview"]
        return found

    def dry_run(self, url: str, **options: Any) -> dict[str, Any]:
        """Ask what a job would hand to yt-dlp."""
        status, reply = self.call("POST", "/api/jobs/dry-run", {"urls": url, "options": options})
        assert status == 200, reply
        return reply

    def fetch(self, path: str) -> dict[str, Any]:
        """Fetch what must be there."""
        status, found = self.call("GET", path)
        assert status == 200, (path, status, found)
        return found

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, dict[str, Any]]:
        """Ask for anything; return status code and reply, read as the client reads it."""
        reply = self._http.request(method, path, **({} if body is None else {"json": body}))
        found: dict[str, Any] = reply.json()
        read_reply(method, path, reply.status_code, found)
        return reply.status_code, found

    def status_of(self, method: str, path: str, body: Any = None) -> int:
        """Ask for something that may not be there; return the status alone."""
        return self._http.request(method, path, json=body).status_code

    def listen(
        self, path: str, events: set[str], hear: Callable[[str, dict[str, Any]], None] | None = None
    ) -> Listener:
        """Open a socket, the token in its address."""
        url = f"{self.base.replace('http', 'ws')}{path}?token={self._token}"
        listener = Listener(url, events, hear=hear)
        self.listeners.append(listener)
        return listener

    def until(self, job_id: str, holds: Callable[[dict[str, Any]], object], what: str) -> dict[str, Any]:
        """Fetch the job until something holds; return it."""
        found: dict[str, Any] = {}

        def look() -> object:
            nonlocal found
            found = self.detail(job_id)
            return holds(found)

        until(look, f"{what}; the job is {found}", within=40)
        return found

    def until_over(self, job_id: str) -> dict[str, Any]:
        """Fetch the job until it is over."""
        return self.until(job_id, lambda job: job["status"] in TERMINAL, "the job is over")
