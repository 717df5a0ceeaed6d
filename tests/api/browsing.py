"""A real browser that opens a page of ours, and the page: it tries everything a foreign page could."""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS: Final = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
    "--host-resolver-rules=MAP * 127.0.0.1",  # names of pages as we like, and nothing leaves this machine
)  # fmt: skip
PAGE: Final = """<!doctype html><title>x</title><body><script>
const base = %(base)s, token = %(token)s, sockets = base.replace("http", "ws");
const body = JSON.stringify({urls: "http://127.0.0.1/from-a-page"});
const json = {"content-type": "application/json", "x-api-token": token};
const answered = (url, how) => fetch(url, how).then(r => "answered " + r.status, () => "blocked");
const opens = make => new Promise(done => {
  const one = make();
  one.onopen = one.onload = () => done("opened");
  one.onerror = one.onclose = () => done("blocked");
  setTimeout(() => done("silent"), 5000);
});
const element = (tag, url) => opens(() => {
  const one = document.createElement(tag);
  one.src = url;
  document.body.append(one);
  return one;
});
const form = () => {
  const one = document.createElement("form"), field = document.createElement("input"),
    frame = document.createElement("iframe");
  frame.name = "hidden";
  one.action = base + "/api/jobs"; one.method = "post"; one.enctype = "text/plain"; one.target = "hidden";
  field.name = '{"urls": "http://127.0.0.1/from-a-form", "x": "'; field.value = '"}';
  one.append(field);
  document.body.append(frame, one);
  one.submit();
  return new Promise(done => setTimeout(() => done("sent"), 1000));
};
const attempts = {
  "read health": () => answered(base + "/"),
  "read jobs with the token": () => answered(base + "/api/jobs", {headers: json}),
  "post a job with the token": () => answered(base + "/api/jobs", {method: "POST", headers: json, body}),
  "post a job as text": () =>
    fetch(base + "/api/jobs", {method: "POST", mode: "no-cors", body}).then(r => r.type),
  "post a form": form,
  "shut down": () => answered(base + "/api/shutdown", {method: "POST", headers: json}),
  "overview socket": () => opens(() => new WebSocket(sockets + "/ws/overview?token=" + token)),
  "event socket": () => opens(() => new WebSocket(sockets + "/api/v1/ws/events?token=" + token)),
  "event source": () => opens(() => new EventSource(base + "/api/v1/events")),
  "script": () => element("script", base + "/"),
  "image": () => element("img", base + "/healthz"),
};
(async () => {
  const found = {};
  for (const [name, attempt] of Object.entries(attempts))
    found[name] = await attempt().catch(error => "blocked");
  await fetch("/result", {method: "POST", body: JSON.stringify(found)});
})();
</script>"""


def find_browser() -> str | None:
    """Return the command of an installed browser."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class ForeignSite:
    """A web server of somebody else: one page, and a place to tell what it achieved."""

    def __init__(self) -> None:
        self.page = ""
        self.results: queue.Queue[dict[str, Any]] = queue.Queue()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


def _handler_of(site: ForeignSite) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Answers the browser."""

        def do_GET(self) -> None:
            """Serve the page."""
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(site.page.encode())

        def do_POST(self) -> None:
            """Take the result."""
            length = int(self.headers["content-length"])
            site.results.put(json.loads(self.rfile.read(length)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
            """Say nothing."""

    return Handler


@contextmanager
def browser_at(url: str, profile: Path, *further: str) -> Iterator[subprocess.Popen[str]]:
    """Open the address in a browser of its own, which is ended with everything it has started."""
    browser = find_browser()
    assert browser is not None
    command = [browser, *FLAGS, f"--user-data-dir={profile}", *further, url]
    environment = os.environ | {"HOME": str(profile)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment,
        start_new_session=True,
    ) as running:  # fmt: skip
        try:
            yield running
        finally:
            with suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)
