"""A shim as a process: `python -m tests.api.standalone FOLDER TOKEN`; its engine only takes note."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import Any

from tests.api.engines import NotingEngine
from tests.api.serving import settings_in
from vidra.api.app import create_app
from vidra.api.interface import Backend
from vidra.api.listening import Server, bind
from vidra.api.previewing import MediaPreviewer
from vidra.credentials.server_token import FixedToken
from vidra.state import open_state


def main(folder: Path, token: str, *, wrong_tokens_a_minute: int = 10, **server: Any) -> None:
    """Serve until told to end; the first line printed is the address."""
    settings = settings_in(folder, **server)
    with open_state(settings.storage.data_dir) as state:
        backend = Backend(
            settings=settings,
            state=state,
            engine=NotingEngine(),
            tokens=FixedToken(token),
            previewer=MediaPreviewer(settings),
            wrong_tokens_a_minute=wrong_tokens_a_minute,
        )
        running = Server(create_app(backend))
        signal.signal(signal.SIGTERM, lambda *_: running.stop())
        listener = bind("127.0.0.1", 0)
        sys.stdout.write(f"http://127.0.0.1:{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        asyncio.run(running.serve(sockets=[listener]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
