"""What we ask one back end: how it is, and to leave."""

from __future__ import annotations

from dataclasses import replace

from vidra.errors import BackendNotStarted
from vidra.supervisor.ending import AskToLeave
from vidra.supervisor.happenings import Answer, Probe
from vidra.supervisor.health import Prober, revealed
from vidra.supervisor.interface import BackendSpec, HealthSpec


class Questioner:
    """Knows where one back end's routes are and which secrets they take."""

    def __init__(self, spec: BackendSpec, prober: Prober) -> None:
        self._spec, self._prober = spec, prober

    def prepare(self) -> None:
        """Raise `BackendNotStarted` when a secret is missing: a start nobody may ask after is for nothing."""
        if self._spec.health is not None:
            revealed(self._spec.health.headers, self._spec)

    async def how_are_you(self, health: HealthSpec, base: str | None, *, instance: str | None) -> Probe:
        """Probe once, below `base` unless the health route is a whole URL; never raises."""
        url = health.url if "://" in health.url else f"{base or ''}{health.url}"
        try:
            headers = revealed(health.headers, self._spec)
        except BackendNotStarted as missing:
            return Probe(answer=Answer.BAD, detail=missing.reason)
        told = instance if self._spec.owned else None
        return await self._prober.ask(replace(health, headers=headers), url, instance=told)

    def please_leave(self, base: str | None, token: str | None) -> AskToLeave | None:
        """Return what POSTs to the shutdown route; None where there is none."""
        path = self._spec.shutdown_path
        if base is None or path is None:
            return None

        async def ask(limit: float) -> bool:
            """Return whether it agreed to leave."""
            return await self._prober.post_shutdown(base + path, token, limit=limit)

        return ask
