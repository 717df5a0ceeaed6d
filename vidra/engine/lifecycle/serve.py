"""The embedded Prefect server as a program: `python -m vidra.engine.lifecycle.serve`.

It tells its parent what it does, one JSON object a line on standard output, and ends when its
standard input ends or its parent is gone, so no server outlives who started it. Everything Prefect
prints goes to standard error. Compared with `prefect server start` it saves the command line's imports
and the migration check of a database that is known to be current, and has no port to lose: it binds
first, then tells.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from filelock import FileLock, Timeout

from vidra.engine.lifecycle.importing import importing

if TYPE_CHECKING:
    import uvicorn

PARENT_POLL: Final = 1.0
"""Seconds between two looks whether the parent is still there."""
DRAIN: Final = 3
"""Seconds that open connections get when the server stops."""
MIGRATION_LIMIT: Final = 300.0
"""Seconds to wait for another process that is preparing the same database."""
HOSTS: Final = ["127.0.0.1", "localhost", "[::1]"]
"""Accepted `Host` headers: a page that re-binds its name to loopback sends another one."""
BACKLOG: Final = 2048
MIGRATED: Final = "migrated"
"""File in the home folder that names the Prefect version the database was last made current by."""
_PREPARED: Final = {
    "PREFECT_SERVER_DATABASE_MIGRATE_ON_START": "false",
    # The block types of this Prefect are in the database. To find out, it would import every collection,
    # our worker with its 0.5 s among them.
    "PREFECT_SERVER_REGISTER_BLOCKS_ON_START": "false",
    "PREFECT_SERVER_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",
}
"""Settings of a server whose database is current."""


class Reporter:
    """Standard output as the parent reads it. Everything else that is printed goes to standard error."""

    def __init__(self) -> None:
        self._stream: TextIO = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
        os.dup2(2, 1)

    def tell(self, event: str, **facts: object) -> None:
        """Write one line; a parent that has gone is noticed elsewhere."""
        try:
            self._stream.write(json.dumps({"event": event} | facts) + "\n")
        except (BrokenPipeError, ValueError):
            return


def bind(port: int) -> socket.socket:
    """Return a bound loopback socket; 0 means any free port. Raises `OSError`."""
    # With the protocol left open, asyncio would not send small answers at once: 40 ms each.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if os.name == "posix":  # elsewhere this option lets two servers share a port
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


@contextmanager
def current_database(home: Path, reporter: Reporter) -> Iterator[None]:
    """Prepare the database inside, one process at a time, unless this Prefect version did so before.

    Enter before Prefect is imported, which is when it reads its settings.
    """
    marker, database = home / MIGRATED, home / "prefect.db"
    wanted = version("prefect")
    if _is_current(marker, database, wanted):
        os.environ |= _PREPARED
        yield
        return
    with FileLock(home / "migrate.lock", timeout=MIGRATION_LIMIT):
        if not _is_current(marker, database, wanted):
            reporter.tell("migrating")
        yield
        marker.write_text(wanted, "utf-8")


def _is_current(marker: Path, database: Path, wanted: str) -> bool:
    try:
        return database.stat().st_size > 0 and marker.read_text("utf-8") == wanted
    except FileNotFoundError:
        return False


def watch_parent(server: uvicorn.Server, *, supervised: bool) -> None:
    """Ask the server to end once nobody is left who wants it; insist if it does not. Runs in threads.

    A supervisor gives no input to read from; it ends its processes itself.
    """
    parent = os.getppid()

    def leave() -> None:
        server.should_exit = True
        time.sleep(DRAIN + 5)
        os._exit(1)

    def until_input_ends() -> None:
        while os.read(0, 1024):
            pass
        leave()

    def until_parent_changes() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_POLL)
        leave()

    # Both: a forked stranger may hold the pipe open, and not every system re-parents.
    watches = (until_parent_changes,) if supervised else (until_input_ends, until_parent_changes)
    for watch in watches:
        threading.Thread(target=watch, name=watch.__name__, daemon=True).start()


async def serve(
    listener: socket.socket, reporter: Reporter, *, private: bool, supervised: bool = False
) -> None:
    """Serve until asked to stop. A private server runs the services that one run needs, no scheduler."""
    with current_database(Path(os.environ["PREFECT_HOME"]), reporter):
        server = _new_server(private=private)
        watch_parent(server, supervised=supervised)
        running = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started and not running.done():  # noqa: ASYNC110 - uvicorn offers only the flag
            await asyncio.sleep(0.01)
        if running.done():
            await running
            raise SystemExit(1)
    reporter.tell("ready")
    await running


def _new_server(*, private: bool) -> uvicorn.Server:
    with importing():
        import uvicorn  # noqa: PLC0415 - the port is told before anything slow is imported
        from prefect.server.api.server import create_app  # noqa: PLC0415 - 2 s
        from starlette.middleware.trustedhost import TrustedHostMiddleware  # noqa: PLC0415 - the same

        from vidra.engine.lifecycle.one_writer import take_turns  # noqa: PLC0415 - the same
        from vidra.engine.lifecycle.rounds import look_seldom  # noqa: PLC0415 - the same

        take_turns()
        look_seldom()
        app = create_app(ephemeral=private, final=True)  # imports and keeps as much again
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=HOSTS)
    return uvicorn.Server(
        uvicorn.Config(
            app, log_level="warning", access_log=False, lifespan="on", timeout_graceful_shutdown=DRAIN
        )
    )


def main(arguments: list[str] | None = None) -> int:
    """Run the program; 0 after an orderly stop."""
    parser = argparse.ArgumentParser(prog="python -m vidra.engine.lifecycle.serve", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="loopback port; 0 takes a free one")
    parser.add_argument("--private", action="store_true", help="serve one run: no scheduler, no late runs")
    parser.add_argument("--supervised", action="store_true", help="do not read standard input")
    options = parser.parse_args(arguments)
    os.umask(0o077)
    reporter = Reporter()
    try:
        listener = bind(options.port)
    except OSError as error:
        reporter.tell("failed", reason=f"port {options.port}: {error.strerror}")
        return 1
    port = listener.getsockname()[1]
    os.environ["PREFECT_API_URL"] = os.environ["PREFECT_SERVER_UI_API_URL"] = f"http://127.0.0.1:{port}/api"
    os.environ["PREFECT_SERVER_API_PORT"] = str(port)
    os.environ["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] = "WARNING"  # here standard error is a log file
    reporter.tell("bound", port=port)
    try:
        asyncio.run(serve(listener, reporter, private=options.private, supervised=options.supervised))
    except Timeout:
        reporter.tell("failed", reason="another process is still preparing the database")
        return 1
    return 0


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # taking 2,000 modules apart costs half a second and closes nothing that is still open
