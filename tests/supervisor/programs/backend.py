"""A small HTTP back end that behaves, or misbehaves, as its options say. Standard library only.

Its health route answers as the file given with --script says, if there is one: `good`, `bad`, `busy`,
`slow`, `foreign` or `hang`; without a script it is good. The file is read anew for each request.
"""

from __future__ import annotations

import argparse
import http.server
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time


def options() -> argparse.Namespace:
    """Say how to misbehave."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int)
    parser.add_argument("--fd", type=int)
    parser.add_argument("--script", type=pathlib.Path)
    parser.add_argument("--journal", type=pathlib.Path, help="a line for each start and request")
    parser.add_argument("--ignore-term", action="store_true")
    parser.add_argument("--ignore-shutdown", action="store_true")
    parser.add_argument("--hang-shutdown", action="store_true", help="take the request and never answer it")
    parser.add_argument("--no-echo", action="store_true", help="do not tell the instance id")
    parser.add_argument("--ready-after", type=float, default=0.0)
    parser.add_argument(
        "--stuck-first", action="store_true", help="never be ready in the journal's first life"
    )
    parser.add_argument("--children", type=int, default=0)
    parser.add_argument("--escapees", type=int, default=0, help="grandchildren in sessions of their own")
    parser.add_argument("--chatter", action="store_true", help="print a numbered line every 10 ms")
    parser.add_argument("--demand-token", action="store_true", help="refuse who does not know API_TOKEN")
    parser.add_argument("--print-token", action="store_true", help="print API_TOKEN, as careless programs do")
    parser.add_argument("--exit", type=int, help="leave at once with this code")
    parser.add_argument("--die-by", type=int, help="leave at once by this signal")
    return parser.parse_args()


OPTIONS = options()
BORN = time.monotonic()
SLEEPER = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(300)"
ESCAPE = (
    "import subprocess, sys; "
    f"subprocess.Popen([sys.executable, '-S', '-c', {SLEEPER!r}], start_new_session=True)"
)


def note(line: str) -> None:
    """Add a line to the journal, if there is one."""
    if OPTIONS.journal is not None:
        with OPTIONS.journal.open("a") as file:
            file.write(f"{line}\n")


def first_life() -> bool:
    """Whether the journal tells of one start only."""
    journal: str = OPTIONS.journal.read_text()
    return journal.count("start ") == 1


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        del format, args

    def answer(self, status: int, **fields: str) -> None:
        body = json.dumps(fields).encode()
        self.send_response(status)
        if not OPTIONS.no_echo:
            self.send_header(
                "X-Vidra-Instance", fields.pop("say", os.environ.get("VIDRA_BACKEND_INSTANCE", ""))
            )
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        script = OPTIONS.script.read_text().strip() if OPTIONS.script is not None else "good"
        note(f"get {script} {time.monotonic():.3f}")
        if OPTIONS.demand_token and not self.knows_token():
            self.answer(401)
        elif time.monotonic() - BORN < OPTIONS.ready_after or (OPTIONS.stuck_first and first_life()):
            self.answer(503)
        elif script == "hang":
            time.sleep(300)
        elif script == "slow":
            time.sleep(1.2)
            self.answer(200)
        elif script == "foreign":
            self.answer(200, say="somebody-else")
        else:
            self.answer({"good": 200, "bad": 500, "busy": 429}[script], service="test")

    def knows_token(self) -> bool:
        known = self.headers.get("Authorization") == f"Bearer {os.environ['API_TOKEN']}"
        note(f"token {'accepted' if known else 'refused'}, asked by {self.headers.get('X-Asked-By')}")
        return known

    def do_POST(self) -> None:
        token = self.headers.get("X-Vidra-Backend-Token")
        allowed = token == os.environ.get("VIDRA_BACKEND_TOKEN")
        note(f"post {self.path} {'allowed' if allowed else 'refused'}")
        if self.path != "/shutdown" or not allowed:
            self.answer(404)
            return
        if OPTIONS.hang_shutdown:
            time.sleep(300)
        self.answer(200)
        if not OPTIONS.ignore_shutdown:
            threading.Timer(0.05, os._exit, (0,)).start()


def chatter() -> None:
    """Print for ever; each number is in the journal once it has been printed."""
    number = 0
    while True:
        sys.stdout.write(f"number {number}\n")
        sys.stdout.flush()
        note(f"printed {number}")
        number += 1
        time.sleep(0.01)


def main() -> None:
    """Start, misbehave as told, serve."""
    note(f"start {os.getpid()}")
    if OPTIONS.exit is not None:
        sys.stderr.write("leaving as told\n")
        sys.exit(OPTIONS.exit)
    if OPTIONS.die_by is not None:
        os.kill(os.getpid(), OPTIONS.die_by)
    if OPTIONS.ignore_term:
        signal.signal(signal.SIGTERM, lambda *_: note(f"term {time.monotonic():.3f}"))
    for _ in range(OPTIONS.children):
        subprocess.Popen([sys.executable, "-S", "-c", SLEEPER])
    for _ in range(OPTIONS.escapees):
        subprocess.run([sys.executable, "-S", "-c", ESCAPE], check=True)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", OPTIONS.port or 0), Handler, OPTIONS.fd is None)
    server.daemon_threads = True
    if OPTIONS.fd is not None:
        server.socket.close()
        server.socket = socket.socket(fileno=OPTIONS.fd)
        server.server_address = server.socket.getsockname()
    sys.stdout.write(f"listening on {server.socket.getsockname()[1]}\n")
    sys.stdout.flush()
    if OPTIONS.print_token:
        sys.stdout.write(f"my token is {os.environ['API_TOKEN']}\n")
        sys.stdout.flush()
    if OPTIONS.chatter:
        threading.Thread(target=chatter, daemon=True).start()
    server.serve_forever()


if __name__ == "__main__":
    main()
