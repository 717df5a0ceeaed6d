"""The connection of one operation: hands out the address and finds another when it fails midway."""

from __future__ import annotations

import asyncio

from vidra.clock import Clock, iso
from vidra.connections.history import learned
from vidra.connections.interface import Prober, ProbeResult
from vidra.connections.probing import Limits, probe_once
from vidra.connections.race import connect
from vidra.connections.standing import Offline, Standing
from vidra.errors import TryLater
from vidra.redaction import redact_url


class Keeper:
    """Answers "which address now" for the length of one operation.

    It satisfies `vidra.servers.interface.Route`. Create one per operation from the stored standing;
    afterwards `results` holds what was found out, for the caller to pass to `decide` and store.
    """

    def __init__(
        self, standing: Standing, probe: Prober, *, clock: Clock, limits: Limits | None = None
    ) -> None:
        self._standing, self._probe, self._clock = standing, probe, clock
        self._limits = limits or Limits()
        self._current = standing.primary
        self._search = asyncio.Lock()
        self.results: tuple[ProbeResult, ...] = ()
        """The last result of every candidate; empty if the stored address just worked."""

    async def current(self) -> str:
        """Return the address to use; raise `TryLater` while the source is known to be offline."""
        if self._current is None:
            answer = self._standing.answer(self._clock.now())
            if isinstance(answer, Offline):
                wait = (answer.until - self._clock.now()).total_seconds()
                raise TryLater(f"offline until {iso(answer.until)}", retry_after=wait)
            await self._find(None)
        return self._found()

    async def failed(self, uri: str) -> str:
        """Return another address after `uri` failed; raise `TryLater` if none answers.

        Requests that fail at the same time cause one search. `uri` takes part in it: it may be back.
        """
        await self._find(uri)
        return self._found()

    async def alive(self, uri: str, limit: float) -> bool:
        """Whether the server still answers at this address within `limit` seconds."""
        candidate = next((c for c in self._standing.candidates if c.uri == uri), None)
        return candidate is not None and (await probe_once(candidate, self._probe, limit)).available

    async def _find(self, broken: str | None) -> None:
        async with self._search:
            if self._current != broken:
                return  # somebody else searched while we waited
            self._current = None
            contest = await connect(
                self._standing.candidates,
                self._probe,
                limits=self._limits,
                histories=learned(self._standing.histories, self.results),
            )
            self.results = contest.results
            self._current = None if contest.winner is None else contest.winner.candidate.uri

    def _found(self) -> str:
        if self._current is not None:
            return self._current
        tried = "; ".join(f"{redact_url(r.candidate.uri)}: {r.detail}" for r in self.results)
        raise TryLater(f"no address of the server answers ({tried or 'it has none'})")
