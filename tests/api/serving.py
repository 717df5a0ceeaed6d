"""A real shim on a real socket, in a thread of the test's process."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.api.engines import NotingEngine
from vidra.api.app import create_app
from vidra.api.crowd import Crowd
from vidra.api.interface import Backend, Previewer
from vidra.api.listening import Server, bind
from vidra.credentials.server_token import FixedToken, TokenSource
from vidra.settings import Settings
from vidra.state import State, open_state

NO_TLS = False
"""For `verify`: there is nothing to verify here, and reading the authorities takes longer than most tests."""
TOKEN = "test-token-0123456789-0123456789-0123456789"


@dataclass(kw_only=True)
class Shim:
    """A running server and what it stands on."""

    base: str
    state: State
    engine: Any
    settings: Settings
    server: Server
    token: str = TOKEN
    loop: asyncio.AbstractEventLoop
    thread: threading.Thread
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.base.rpartition(":")[2])

    def client(self, **headers: str) -> httpx.Client:
        """Return a client that shows the token."""
        shown = {"X-API-Token": self.token, **headers}
        return httpx.Client(
            base_url=self.base, headers=shown, timeout=20, follow_redirects=True, verify=NO_TLS
        )

    def stranger(self, **headers: str) -> httpx.Client:
        """Return a client that shows nothing."""
        return httpx.Client(base_url=self.base, headers=headers, timeout=20, verify=NO_TLS)

    def socket_url(self, path: str, token: str | None = None) -> str:
        """Return the address of a WebSocket, the token in its query as the client does it."""
        return f"{self.base.replace('http', 'ws')}{path}?token={self.token if token is None else token}"


def settings_in(folder: Path, **server: Any) -> Settings:
    """Return settings with everything below `folder`, and the loopback allowed as a site."""
    return Settings.model_validate(
        {
            "storage": {"data_dir": folder / "data", "cache_dir": folder / "cache"},
            "downloads": {"library": folder / "library", "retries": 0, "free_space_floor": 0},
            "network": {"allowed_addresses": ["127.0.0.1"]},
            "server": server,
        }
    )


@contextmanager
def shim(
    folder: Path,
    *,
    engine: Any = None,
    tokens: TokenSource | None = None,
    previewer: Previewer | None = None,
    settings: Settings | None = None,
    state: State | None = None,
    crowd: Crowd | None = None,
    **backend: Any,
) -> Iterator[Shim]:
    """Run a shim for as long as the context lasts."""
    settings = settings or settings_in(folder)
    owned = state is None
    state = state or open_state(settings.storage.data_dir)
    engine = engine or NotingEngine()
    listener = bind("127.0.0.1", 0)
    holder: list[Server] = []
    app = create_app(
        Backend(
            settings=settings,
            state=state,
            engine=engine,
            tokens=tokens or FixedToken(TOKEN),
            previewer=previewer,
            request_stop=lambda: holder[0].stop(),  # noqa: PLW0108 - made after the application
            **backend,
        )
    )
    server = Server(app, crowd=crowd)
    holder.append(server)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=_serve, args=(loop, server, listener))
    thread.start()
    try:
        until(lambda: server.started, "the server started")
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        yield Shim(
            base=base, state=state, engine=engine, settings=settings, server=server, loop=loop, thread=thread
        )
    finally:
        server.stop()
        thread.join(20)
        listener.close()
        if owned:
            state.close()


def _serve(loop: asyncio.AbstractEventLoop, server: Server, listener: Any) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(server.serve(sockets=[listener]))
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


def free_port() -> int:
    """Return a port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(holds: Callable[[], object], what: str, *, within: float = 15.0) -> Any:
    """Wait until the condition holds and return what it gave; fail naming it."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        found = holds()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited {within:g} s in vain: {what}")
