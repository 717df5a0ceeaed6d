"""The shim as a program: `python -m vidra.api.serve`, one of the parts that `vidra up` looks after."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys
import threading
from typing import Final

from vidra.api.app import create_app
from vidra.api.interface import Backend
from vidra.api.listening import Server, bind
from vidra.api.log_masking import mask_secrets
from vidra.api.prefect_engine import PrefectEngine
from vidra.api.previewing import MediaPreviewer
from vidra.api.tokens import check_strength
from vidra.credentials.server_token import TokenSource, token_source
from vidra.errors import VidraError
from vidra.redaction import register_secret
from vidra.settings import ServerLogLevel, Settings, load_secrets, load_settings
from vidra.state import open_configured_state
from vidra.supervisor.interface import TOKEN_VARIABLE

log = logging.getLogger(__name__)

DESCRIPTORS: Final = 8192
LAST_MOMENT_S: Final = 1.0
"""Seconds that threads get once the server has ended; the state bears being left at any moment."""
_LEVELS: Final = {ServerLogLevel.TRACE: logging.DEBUG}


def main(arguments: list[str] | None = None) -> int:
    """Run until asked to stop; 0 after an orderly stop, 1 if it cannot start, 2 for a wrong configuration."""
    parser = argparse.ArgumentParser(prog="python -m vidra.api.serve", description=__doc__)
    parser.add_argument("--supervised", action="store_true", help="offer POST /api/shutdown")
    options = parser.parse_args(arguments)
    os.umask(0o077)
    _allow_many_connections()
    try:
        settings = load_settings()
        _set_up_logging(settings)
        configured = load_secrets().server_token
        tokens = token_source(
            settings.storage.token_file, configured.get_secret_value() if configured else None
        )
        check_strength(tokens.current(), settings.server.host)
        listener = bind(settings.server.host, settings.server.port)
    except VidraError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return _serve(settings, listener, tokens, supervised=options.supervised)


def _serve(settings: Settings, listener: socket.socket, tokens: TokenSource, *, supervised: bool) -> int:
    servers: list[Server] = []
    with open_configured_state(settings.storage) as state:
        backend = Backend(
            settings=settings,
            state=state,
            engine=PrefectEngine(),
            tokens=tokens,
            previewer=MediaPreviewer(settings),
            supervised=supervised,
            supervisor_token=_supervisor_token() if supervised else None,
            request_stop=lambda: servers[0].stop(),  # noqa: PLW0108 - the server is made after the application
        )
        server = Server(create_app(backend))
        servers.append(server)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: server.stop())
        log.info("listening on %s:%d", *listener.getsockname()[:2])
        asyncio.run(_served(server, listener))
    return 0


async def _served(server: Server, listener: socket.socket) -> None:
    """Serve, then see to it that the process ends, whatever a thread of it still waits for."""
    await server.serve(sockets=[listener])
    end = threading.Timer(LAST_MOMENT_S, os._exit, (0,))
    end.daemon = True
    end.start()


def _supervisor_token() -> str | None:
    token = os.environ.pop(TOKEN_VARIABLE, None)
    if token:
        register_secret(token)
    return token or None


def _allow_many_connections() -> None:
    """Raise the soft limit of open files, where there is one: each connection is one, and 1,024 are few."""
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 - not on every platform

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _set_up_logging(settings: Settings) -> None:
    level = settings.server.log_level
    logging.basicConfig(
        level=_LEVELS.get(level, getattr(logging, level.upper(), logging.INFO)),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    mask_secrets(logging.getLogger())
    for noisy in ("httpx", "httpcore", "websockets"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


if __name__ == "__main__":
    sys.exit(main())
