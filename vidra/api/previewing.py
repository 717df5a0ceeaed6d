"""Looks at what an address names, in a thread, with the same guards as a download."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from vidra.engine.jobs.resolution import network_policy, resolve
from vidra.errors import TryLater
from vidra.media.interface import Listing, StopSignal
from vidra.settings import Settings

LIMIT_S: Final = 25.0
"""Seconds a preview may take; clients give up after 30."""


class MediaPreviewer:
    """See `vidra.api.interface.Previewer`. Two at a time: a preview is a courtesy."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._slots = asyncio.Semaphore(2)

    async def preview(self, url: str, options: Mapping[str, Any]) -> Listing:
        """Return what is there. Raises the media room's errors; `TryLater` when it takes too long."""
        stop = StopSignal()
        async with self._slots:
            work = asyncio.create_task(asyncio.to_thread(self._look, url, options, stop))
            try:
                return await asyncio.wait_for(asyncio.shield(work), LIMIT_S)
            except TimeoutError as error:
                raise TryLater(f"the preview took over {LIMIT_S:g} s") from error
            finally:
                stop.set("the preview is over")

    def _look(self, url: str, options: Mapping[str, Any], stop: StopSignal) -> Listing:
        from vidra.media.session import MediaSession  # noqa: PLC0415 - yt-dlp is half a second

        settings = self._settings
        merged = resolve(options, preset=None, settings=settings)
        policy = network_policy(settings)
        with MediaSession(options=merged, network=policy, library=settings.downloads.library) as session:
            return session.list(url, stop=stop)
