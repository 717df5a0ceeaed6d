"""Lists what subscriptions name, on threads whose media sessions subscriptions with like options share."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from tasks.listing import LISTING_TIMEOUT
from tasks.media_sessions import Session
from tasks.politeness import Politeness
from tasks.reporting import RunLogger
from tasks.retry_policy import tried_again
from tasks.sessions import SessionPool
from vidra.engine.jobs.resolution import network_policy, resolve
from vidra.errors import MediaError, Refused
from vidra.media.interface import Listing, LogLevel, StopSignal
from vidra.media.options import MediaOptions
from vidra.media.session import MediaSession
from vidra.redaction import redact, redact_url
from vidra.settings import Settings, SubscriptionSettings
from vidra.settings.subscriptions import CookieUse

_DOWNLOAD_ONLY: Final = frozenset(
    {
        "format", "format_sort", "format_sort_force", "prefer_free_formats", "check_formats", "ratelimit",
        "merge_output_format", "final_ext", "postprocessors", "postprocessor_args", "keepvideo",
        "writethumbnail", "write_all_thumbnails", "writeinfojson", "writedescription", "writesubtitles",
        "writeautomaticsub", "subtitleslangs", "subtitlesformat", "concurrent_fragment_downloads",
        "allow_multiple_video_streams", "allow_multiple_audio_streams", "continuedl", "buffersize",
        "http_chunk_size", "throttledratelimit", "embed_subs", "getcomments",
    }
)  # fmt: skip
"""yt-dlp parameters that make no difference to a listing; a session costs 80 ms, so it is shared."""


class ListSessions:
    """One pool of threads for each set of options that matters to listing."""

    def __init__(self, settings: Settings, *, log: RunLogger, size: int) -> None:
        self._settings, self._log, self._size = settings, log, size
        self._network = network_policy(settings)
        self._pools: dict[str, SessionPool] = {}
        self._at_work = threading.local()

    async def list_all(
        self, name: str, own: SubscriptionSettings, politeness: Politeness
    ) -> Sequence[Listing]:
        """Return what the subscription's addresses name, one after another.

        Shows the owner's cookies as the subscription says. Raises the media room's errors.
        """
        return [await self._list(name, own, url, politeness) for url in own.urls]

    def close(self) -> None:
        """End the threads and close their sessions."""
        for pool in self._pools.values():
            pool.close()

    async def _list(self, name: str, own: SubscriptionSettings, url: str, politeness: Politeness) -> Listing:
        try:
            return await self._ask(name, own, url, politeness, cookies=False)
        except Refused as refused:
            if own.cookies.use is not CookieUse.WHEN_NEEDED:
                raise
            self._log.info("%s: once more with cookies: %s", name, refused)
        return await self._ask(name, own, url, politeness, cookies=True)

    async def _ask(
        self, name: str, own: SubscriptionSettings, url: str, politeness: Politeness, *, cookies: bool
    ) -> Listing:
        options = resolve({}, preset=None, settings=self._settings, own=own, cookies=cookies)
        pool, who = self._pool(options), f"{name}:{redact_url(url)}"

        async def look() -> Listing:
            async with politeness.asking(url, who=who):
                return await pool.run(partial(self._look, name, url=url))

        return await politeness.patiently(
            partial(
                tried_again,
                partial(_in_time, look),
                self._settings.downloads,
                tell=lambda text: self._log.warning("%s: %s", name, redact(text)),
            ),
            url,
            who=who,
            waits=lambda paused: self._log.info("%s waits: %s", name, paused),
        )

    def _look(self, name: str, session: Session, stop: StopSignal, *, url: str) -> Listing:
        self._at_work.name = name
        return session.list(url, stop=stop)

    def _pool(self, options: MediaOptions) -> SessionPool:
        params = {key: value for key, value in options.ydl_params.items() if key not in _DOWNLOAD_ONLY}
        lean = replace(options, ydl_params=params)
        mark = repr((sorted((key, repr(value)) for key, value in params.items()), lean.reverse, lean.shuffle))
        if mark not in self._pools:
            self._pools[mark] = SessionPool(partial(self._open_session, lean), size=self._size)
        return self._pools[mark]

    def _open_session(self, options: MediaOptions) -> MediaSession:
        return MediaSession(
            options=options,
            network=self._network,
            library=self._settings.downloads.library,
            log=self._say,
        )

    def _say(self, level: LogLevel, text: str) -> None:
        if level in {LogLevel.WARNING, LogLevel.ERROR}:
            self._log.warning("%s: %s", getattr(self._at_work, "name", "?"), text)


async def _in_time(look: Callable[[], Awaitable[Listing]]) -> Listing:
    try:
        async with asyncio.timeout(LISTING_TIMEOUT):
            return await look()
    except TimeoutError as error:
        raise MediaError(f"not listed within {LISTING_TIMEOUT:g} s") from error
