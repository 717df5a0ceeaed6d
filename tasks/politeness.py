"""How a run asks sites for things: at its turn, at their pace, and not while they want to be left alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

import anyio

from vidra.clock import SYSTEM_CLOCK
from vidra.engine.notices.notifying import keep
from vidra.engine.politeness.breakers import Breakers, PausedSite, rule_of
from vidra.engine.politeness.sites import site_of
from vidra.engine.politeness.slots import Slots
from vidra.errors import MediaError, SitePaused, SlowDown
from vidra.notices import Notice
from vidra.settings import Settings
from vidra.settings.notices import NoticeEvent
from vidra.state import FileState

T = TypeVar("T")

MOST_REFUSALS: Final = 10
"""Requests of one entry that a run may see refused before the entry fails, so that one file that is always
refused does not keep its site closed for ever."""


class Politeness:
    """The limits and breakers as one flow run meets them. For one event loop."""

    def __init__(
        self, settings: Settings, state: FileState, *, flow_run_id: str | None, say: Callable[[str], None]
    ) -> None:
        """`say` hears of every site that this run made us leave alone."""
        self._settings = settings
        self._limits, self._run, self._say = settings.limits, flow_run_id or "run", say
        self._refused: Counter[str] = Counter()
        self._cap = settings.downloads.retry_after_cap
        self._slots = Slots(settings.limits, flow_run_id=flow_run_id, home=settings.storage.prefect_home)
        self._breakers = Breakers(
            state, rule=rule_of(settings.limits), on_pause=self._tell, on_free=self._tell_freed
        )

    @asynccontextmanager
    async def asking(self, url: str, *, who: object) -> AsyncIterator[None]:
        """Ask the site for a page; raises `SitePaused` instead while it is left alone."""
        site, name = site_of(url, self._limits), f"{self._run}:{who}"
        self._breakers.admit(site, name)
        await self._slots.pace(site)
        with self._breakers.watching(site, name):
            try:
                yield
            except SlowDown:
                self._refused[str(who)] += 1
                raise

    @asynccontextmanager
    async def downloading(self, url: str, *, who: object) -> AsyncIterator[None]:
        """Hold a slot of every limit that applies, and ask the site; raises `SitePaused` too."""
        site = site_of(url, self._limits)
        self.check(url, who=who)
        async with self._slots.held(site), self.asking(url, who=who):
            yield

    async def patiently(
        self, ask: Callable[[], Awaitable[T]], url: str, *, who: object, waits: Callable[[SitePaused], None]
    ) -> T:
        """Return what `ask` does, a task that asks the site; wait while the site is left alone.

        `waits` hears of every such wait. Raises `SitePaused` when it would take longer than
        `downloads.retry_after_cap`.
        """
        while True:
            try:
                self.check(url, who=who)
                return await ask()
            except SlowDown:
                if not self._leaves_alone(url):
                    raise
            except SitePaused as paused:
                seconds = paused.retry_after or 0.0
                if seconds > self._cap:
                    raise
                if self._refused[str(who)] >= MOST_REFUSALS:
                    raise MediaError(f"refused {MOST_REFUSALS} times: {paused.reason}") from paused
                waits(paused)
                await anyio.sleep(seconds)

    def check(self, url: str, *, who: object) -> None:
        """Raise `SitePaused` if the site is left alone and it is not `who`'s turn to try it."""
        self._breakers.admit(site_of(url, self._limits), f"{self._run}:{who}")

    def close(self) -> None:
        """Let go of the breakers' file."""
        self._breakers.close()

    def _tell(self, paused: PausedSite) -> None:
        self._say(f"{paused.site} is left alone until {paused.until}: {paused.reason}")
        self._keep(NoticeEvent.SITE_BLOCKED, paused.site, f"left alone until {paused.until}", paused.reason)

    def _tell_freed(self, site: str) -> None:
        self._keep(NoticeEvent.SITE_FREED, site, "answers again", "")

    def _keep(self, event: NoticeEvent, site: str, title: str, text: str) -> None:
        """Have it told at the end of the run."""
        notice = Notice(
            event=event, subject=f"site:{site}", title=f"{site}: {title}", text=text, at=SYSTEM_CLOCK.now()
        )
        keep([notice], self._settings)

    def _leaves_alone(self, url: str) -> bool:
        """Whether the site is being left alone, or somebody tries it just now."""
        site = site_of(url, self._limits)
        return any(paused.site == site for paused in self._breakers.paused())
