"""After a download: make the servers see the new files, with as few scans as will do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum, unique
from pathlib import PurePath
from typing import Final

import anyio

from vidra.errors import AuthRequired, Refused
from vidra.servers.interface import MediaServer
from vidra.servers.paths import PathMapping, server_path

DEBOUNCE: Final = 5.0
"""Seconds to collect finished files before a scan is asked for; a playlist finishes many at once."""
LOOK_AFTER: Final = (1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds between asking for a scan and each look whether the file is listed."""


@unique
class Announced(StrEnum):
    """How the server came to know the files."""

    SCOPED = "scoped"
    """By scanning their folders."""
    FULL = "full"
    """By scanning everything, because scanning the folders did not do it."""
    UNSEEN = "unseen"
    """Not at all: its libraries do not hold these paths, or it needs longer than we looked."""


def folders_to_scan(files: Iterable[PurePath]) -> list[PurePath]:
    """Return the folders of the files, once each, those below others left out."""
    folders = sorted({file.parent for file in files}, key=lambda folder: (len(folder.parts), folder))
    kept: list[PurePath] = []
    for folder in folders:
        if not any(folder.is_relative_to(above) for above in kept):
            kept.append(folder)
    return kept


async def announce(
    server: MediaServer,
    files: Sequence[PurePath],
    *,
    mappings: Sequence[PathMapping] = (),
    look_after: Sequence[float] = LOOK_AFTER,
) -> Announced:
    """Scan the folders of the files, verify that the last file is listed, scan everything otherwise.

    The caller has waited `DEBOUNCE` seconds for further files. A server whose libraries do not hold the
    files is left in peace; without `look_after` nothing is verified. Raises what the server's methods raise.
    """
    if not files:
        return Announced.SCOPED
    told = [await server.refresh(server_path(folder, mappings)) for folder in folders_to_scan(files)]
    if not any(sections is None or sections for sections in told):
        return Announced.UNSEEN
    if not look_after:
        return Announced.SCOPED
    wanted = server_path(files[-1], mappings)
    if await _listed(server, wanted, look_after):
        return Announced.SCOPED
    try:
        await server.refresh()
    except AuthRequired:
        raise
    except Refused:
        return Announced.UNSEEN  # only administrators may scan everything, and only they see paths
    return Announced.FULL if await _listed(server, wanted, look_after) else Announced.UNSEEN


async def _listed(server: MediaServer, path: str, look_after: Sequence[float]) -> bool:
    for seconds in look_after:
        await anyio.sleep(seconds)
        if await server.holds(path):
            return True
    return False
