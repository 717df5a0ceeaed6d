"""Ends a back end with everything it started: asked, then told, then killed; and says what was true."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from vidra.supervisor.identity import Identity
from vidra.supervisor.interface import EndedBy, ExitReport, Timings
from vidra.supervisor.members import find_members, reap, still_alive
from vidra.supervisor.process import Process

_LOOK: Final = 0.05
"""Seconds between looks at processes that are not our children."""

AskToLeave: TypeAlias = Callable[[float], Awaitable[bool]]
"""POSTs to the shutdown route within so many seconds; returns whether the back end agreed."""


class Ending:
    """One run of the stop sequence: route (5 s), SIGTERM with SIGCONT (2 s), SIGKILL for everyone."""

    def __init__(self, process: Process | None, *, mark: str, timings: Timings) -> None:
        self._process, self._mark, self._timings = process, mark, timings
        self._leader = None if process is None else process.identity
        self._seen: dict[int, Identity] = {}
        self._loop = asyncio.get_running_loop()
        self._begun = self._loop.time()

    async def run(self, *, ask: AskToLeave | None, hung: bool = False) -> ExitReport:
        """Go as far through the sequence as is needed; `ask=None` begins with SIGTERM.

        Where there is no route, or it refuses at once, SIGTERM is the polite request and gets the time
        of both steps; not so when the back end is `hung`.
        """
        await self._look()
        by = EndedBy.ITSELF if self._leader is None or not self._leader.alive else None
        route_ends = self._begun + self._timings.shutdown_grace
        if by is None and ask is not None:
            agreed = await ask(self._timings.shutdown_grace)
            if agreed and await self._leader_leaves(until=route_ends):
                by = EndedBy.SHUTDOWN_ROUTE
        if by is None and not hung and await self._leader_ends_its_own():
            by = EndedBy.TERM
        left = 0.0 if hung or by is not None else max(0.0, route_ends - self._loop.time())
        by = await self._term(by, self._timings.term_grace + left)
        by = await self._kill(by)
        return self._report(by or EndedBy.ALREADY_GONE)

    async def kill(self) -> ExitReport:
        """Only the last step: for what an ended process left behind."""
        await self._look()
        return self._report(await self._kill(EndedBy.ITSELF) or EndedBy.ALREADY_GONE)

    async def _leader_ends_its_own(self) -> bool:
        """Tell only the process we started, where it was declared to look after the others itself."""
        if not self._timings.leader_grace or self._leader is None:
            return False
        self._leader.send(signal.SIGTERM)
        self._leader.send(signal.SIGCONT)
        return await self._leader_leaves(until=self._loop.time() + self._timings.leader_grace)

    async def _term(self, by: EndedBy | None, grace: float) -> EndedBy | None:
        if not await self._look():
            return by
        # A stopped process hears SIGTERM only once it continues.
        self._signal(signal.SIGTERM)
        self._signal(signal.SIGCONT)
        gone = await self._all_leave(until=self._loop.time() + grace)
        if by is None and (gone or self._leader is None or not self._leader.alive):
            return EndedBy.TERM
        return by

    async def _kill(self, by: EndedBy | None) -> EndedBy | None:
        deadline = self._loop.time() + self._timings.kill_grace
        while await self._look() and self._loop.time() < deadline:
            if by is None:
                by = EndedBy.KILL
            self._signal(signal.SIGKILL)
            await self._all_leave(until=min(deadline, self._loop.time() + 2 * _LOOK))
        return by

    async def _look(self) -> list[Identity]:
        """Find everyone who belongs to the start and is still there, those found earlier included."""
        for member in await asyncio.to_thread(find_members, self._leader, self._mark):
            self._seen[member.pid] = member
        return still_alive(self._seen.values())

    def _signal(self, number: signal.Signals) -> None:
        """Signal the group at once, so that forks cannot outrun us; then, once each, those outside it."""
        group = (
            self._process.pid if self._process is not None and self._process.signal_group(number) else None
        )
        for member in self._seen.values():
            if group is None or _group_of(member.pid) != group:
                member.send(number)

    async def _leader_leaves(self, *, until: float) -> bool:
        if self._process is None:
            return True
        try:
            async with asyncio.timeout_at(until):
                await self._process.ended()
        except TimeoutError:
            return False
        return True

    async def _all_leave(self, *, until: float) -> bool:
        """Wait for everyone seen so far."""
        if not await self._leader_leaves(until=until):
            return False
        while still_alive(self._seen.values()):
            if self._loop.time() >= until:
                return False
            await asyncio.sleep(_LOOK)
        return True

    def _report(self, by: EndedBy) -> ExitReport:
        left = still_alive(self._seen.values())
        code, number = None, None
        if self._process is not None and not self._process.identity.alive:
            code, number = self._process.reap()
        reap([member for member in self._seen.values() if member != self._leader])
        return ExitReport(
            code=code,
            signal=number,
            ended_by=by,
            seconds=0.0 if by is EndedBy.ITSELF else self._loop.time() - self._begun,
            leftovers=tuple(member.pid for member in left),
        )


def _group_of(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None
