"""A house with media servers in it: real sockets, real state, secrets in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import SecretStr

from tests.servers.fake_jellyfin import USER
from vidra.clock import ManualClock, iso
from vidra.connections import Candidate, Standing
from vidra.credentials import MemoryCredentials
from vidra.engine.sources.access import TOKEN, SourceRoom, open_sources, scope_of
from vidra.engine.sources.checks import Checked, check_sources
from vidra.settings import Settings
from vidra.state import State
from vidra.state.source_interface import Source, SourceKind

PLEX_MACHINE, PLEX_TOKEN, JELLYFIN_TOKEN = "machine-1", "token-of-server", "token-of-user"
T = TypeVar("T")


@dataclass
class House:
    """What a test needs to work on sources."""

    folder: Path
    state: State
    clock: ManualClock
    credentials: MemoryCredentials = field(default_factory=MemoryCredentials)
    configuration: dict[str, Any] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        """The configuration, with short waits."""
        short = {"probe_timeout": 1.0, "patient_timeout": 1.0, "budget": 3.0}
        given = {**short, **self.configuration.get("connections", {})}
        rest = {key: value for key, value in self.configuration.items() if key != "connections"}
        return Settings.model_validate({"storage": {"data_dir": self.folder}, "connections": given, **rest})

    def do(self, work: Callable[[SourceRoom], Awaitable[T]]) -> T:
        """Run one operation with a room of its own."""

        async def main() -> T:
            opened = open_sources(
                self.settings, self.state.sources, credentials=self.credentials, clock=self.clock
            )
            async with opened as room:
                return await work(room)

        return asyncio.run(main())

    def check(self, *source_ids: str, only_due: bool = False) -> Sequence[Checked]:
        """Look at the sources (none: all)."""
        return self.do(lambda room: check_sources(room, source_ids or None, only_due=only_due))

    def add(
        self, kind: SourceKind, *addresses: Candidate | str, source_id: str = "home", token: str | None = ""
    ) -> Source:
        """Store a source with these addresses (texts are local ones), signed in unless `token` is None."""
        known = {SourceKind.PLEX: (PLEX_MACHINE, PLEX_TOKEN), SourceKind.JELLYFIN: (None, JELLYFIN_TOKEN)}
        machine, default = known[kind]
        candidates = [Candidate(uri=one, local=True) if isinstance(one, str) else one for one in addresses]
        if token is not None:
            self.credentials.save(scope_of(source_id), TOKEN, SecretStr(token or default))
        at = iso(self.clock.now())
        return self.state.sources.add(
            Source(
                source_id=source_id,
                name=source_id.title(),
                type=kind,
                machine_id=machine,
                user_id=USER if kind is SourceKind.JELLYFIN else None,
                standing=Standing(candidates=tuple(candidates)).model_dump(mode="json"),
                created_at=at,
                updated_at=at,
            )
        )

    def told(self, source_id: str = "home") -> list[str]:
        """Return the events of a source so far."""
        return [event.event.value for event in self.state.sources.events(source_id)]
