"""`python -m tests.library.syncer FOLDER URL`: what a run of the flow does to one source, to be killed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import httpx
from pydantic import SecretStr

from tasks.library_push import push_changes
from tasks.library_sync import SourceSync, sync_source
from tests.servers.sources import IDENTITY, PLEX_TOKEN
from vidra.engine.library.acting import queued
from vidra.engine.library.shelves import open_queue, open_shelf
from vidra.library.status import SyncState
from vidra.servers.plex import PlexServer
from vidra.servers.wire import FixedRoute
from vidra.settings.library import LibrarySettings
from vidra.settings.storage import StorageSettings

SETTINGS = LibrarySettings(page_size=20)


async def main(folder: Path, url: str) -> None:
    """Push, sync, push."""
    storage = StorageSettings(data_dir=folder)
    async with httpx.AsyncClient(trust_env=False) as client:
        server = PlexServer(
            client=client,
            route=FixedRoute(url),
            machine_id="machine-1",
            token=SecretStr(PLEX_TOKEN),
            identity=IDENTITY,
        )
        with open_queue(storage) as queue, open_shelf(storage, "home") as shelf:
            await push_changes(server, queue, "home", settings=SETTINGS, everything=True)
            pending = {change.item for change in queued(queue, "home")}
            sync = SourceSync(server, shelf, settings=SETTINGS, full=True, pending=pending)
            status = await sync_source(sync, concurrency=2)
            assert status.state is SyncState.COMPLETE, status
            await push_changes(server, queue, "home", settings=SETTINGS, everything=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
