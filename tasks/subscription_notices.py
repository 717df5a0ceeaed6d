"""What people are told of one run of subscriptions, and the dead man's switches it reports to."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from tasks.notices import lines_of, run_notices
from vidra.clock import SYSTEM_CLOCK
from vidra.engine.notices.notifying import Ping, aping, asend
from vidra.engine.subscriptions.retention import Clearance
from vidra.engine.subscriptions.view import cookie_warning
from vidra.notices import Notice
from vidra.settings import Settings, SubscriptionSettings
from vidra.settings.inheritance import subscription
from vidra.settings.notices import NoticeEvent
from vidra.state.interface import Entry


class RunNotices:
    """Gathers while the run goes on, and tells everything at its end. For one event loop."""

    def __init__(self, settings: Settings, *, silent: bool) -> None:
        """`silent`: a dry run, which tells nobody anything."""
        self._settings, self._silent = settings, silent
        self._notices: list[Notice] = []
        self._removals: list[Notice] = []  # told last: what arrived comes first
        self._starts: dict[str, asyncio.Task[None]] = {}
        self._ends: list[asyncio.Task[None]] = []

    def started(self, name: str) -> None:
        """Report the start to the subscription's switch, without waiting for its answer."""
        if not self._silent and name in self._settings.notifications.pings:
            self._starts[name] = asyncio.create_task(aping(name, Ping.START, self._settings))

    def ended(
        self,
        name: str,
        *,
        error: str | None,
        refused: bool,
        well: bool,
        was_bad: bool,
        entries: Sequence[Entry],
    ) -> None:
        """Take note of how it went: `error` if it failed or in part, `refused` if the guard said so.

        `well` means that the run may report success; `was_bad` that the one before could not.
        """
        if self._silent:
            return
        own = subscription(name, self._settings.subscriptions)
        self._notices += run_notices(
            f"subscription:{name}",
            name,
            entries,
            error=error,
            channels=own.notifications,
            event_of_error=NoticeEvent.GUARD if refused else NoticeEvent.FAILED,
        )
        if well and was_bad:
            self._notices.append(_notice(NoticeEvent.RECOVERED, name, own, "works again", ""))
        if warning := cookie_warning(own):
            self._notices.append(_notice(NoticeEvent.COOKIES, name, own, "cookies", warning))
        if (well or error is not None) and name in self._settings.notifications.pings:
            self._ends.append(asyncio.create_task(self._ping_end(name, Ping.SUCCESS if well else Ping.FAIL)))

    def removed(self, name: str, done: Clearance) -> None:
        """Take note of what retention removed, could not remove, or wants to be asked about."""
        if self._silent:
            return
        own = subscription(name, self._settings.subscriptions)
        if gone := [removal.title or removal.key for removal in done.removals if not removal.problems]:
            title = f"{len(gone)} removed"
            self._removals.append(_notice(NoticeEvent.REMOVED, name, own, title, lines_of(gone)))
        if problems := done.problems:
            text = lines_of(problems)
            self._removals.append(_notice(NoticeEvent.FAILED, name, own, "not removed", text, "retention"))
        for doubt in (done.refused or {}).values():
            text = f"{doubt} If so: `vidra retention apply -s {name} --yes`"
            self._removals.append(_notice(NoticeEvent.GUARD, name, own, "nothing removed", text, "retention"))

    async def tell(self) -> None:
        """Tell the channels, and wait for the switches; takes `notifications.timeout` about twice at most."""
        await asend([*self._notices, *self._removals], self._settings)
        await asyncio.gather(*self._ends, *self._starts.values())

    async def _ping_end(self, name: str, kind: Ping) -> None:
        if name in self._starts:
            await self._starts[name]
        await aping(name, kind, self._settings)


def _notice(
    event: NoticeEvent, name: str, own: SubscriptionSettings, title: str, text: str, trouble: str = ""
) -> Notice:
    return Notice(
        event=event,
        subject=f"subscription:{name}",
        title=f"{name}: {title}",
        text=text,
        at=SYSTEM_CLOCK.now(),
        trouble=trouble,
        channels=own.notifications,
    )
