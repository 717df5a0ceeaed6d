"""What one run of a flow reports: to the dead man's switch of its schedule, and to people if it failed."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from vidra.clock import SYSTEM_CLOCK
from vidra.engine.notices.notifying import Ping, aping, asend, mark_failing
from vidra.engine.runs import deployment_of
from vidra.errors import EngineError
from vidra.notices import Notice
from vidra.settings import Settings
from vidra.settings.notices import NoticeEvent

SUBJECT: Final = "flow:"
_log = logging.getLogger(__name__)


class FlowRunReport:
    """One run of a flow; `begin`, then one of the others. Never raises; for one event loop."""

    def __init__(self, flow: str, flow_run_id: str, settings: Settings) -> None:
        self._flow, self._run, self._settings = flow, flow_run_id, settings
        self._start: asyncio.Task[str] | None = None

    def begin(self) -> None:
        """Report the start, without keeping the run waiting."""
        # Runs of subscriptions report to theirs by themselves: with no others nobody has to be asked.
        if set(self._settings.notifications.pings) - set(self._settings.subscriptions):
            self._start = asyncio.create_task(self._find_and_ping())

    async def succeed(self) -> None:
        """Report success; if the run before failed, tell who heard of that."""
        await self._end(Ping.SUCCESS)
        if await asyncio.to_thread(mark_failing, self._subject, self._settings, failing=False):
            await self._tell(NoticeEvent.RECOVERED, "works again", "")

    async def fail(self, reason: str) -> None:
        """Report failure, and tell people why."""
        await self.fail_silently()
        await asyncio.to_thread(mark_failing, self._subject, self._settings, failing=True)
        await self._tell(NoticeEvent.FAILED, "failed", reason)

    async def fail_silently(self) -> None:
        """Report failure; people were told already."""
        await self._end(Ping.FAIL)

    def leave(self) -> None:
        """Report no end: the run was stopped, or somebody else does the work."""
        if self._start is not None:
            self._start.cancel()

    @property
    def _subject(self) -> str:
        return f"{SUBJECT}{self._flow}"

    async def _find_and_ping(self) -> str:
        """Report the start to the run's schedule; return the schedule's name."""
        try:
            name = await deployment_of(self._run) or self._flow
        except EngineError as error:
            _log.warning("the deployment of run %s is not known: %s", self._run, error)
            name = self._flow
        await aping(name, Ping.START, self._settings)
        return name

    async def _end(self, kind: Ping) -> None:
        if self._start is not None:
            await aping(await self._start, kind, self._settings)

    async def _tell(self, event: NoticeEvent, title: str, text: str) -> None:
        notice = Notice(
            event=event,
            subject=self._subject,
            title=f"{self._flow}: {title}",
            text=text,
            at=SYSTEM_CLOCK.now(),
        )
        await asend([notice], self._settings)
