"""The way to the running engine for commands on jobs, or what there is without one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from vidra.engine.environment import applied
from vidra.engine.jobs.commands import RunStarter
from vidra.engine.jobs.starter import PrefectStarter
from vidra.engine.jobs.steering import NoEngine
from vidra.engine.lifecycle.running import engine_environment
from vidra.errors import EngineUnreachable
from vidra.settings import Settings


@contextmanager
def starter_for(settings: Settings, *, needs_engine: str | None) -> Iterator[RunStarter]:
    """Yield the way to the running engine; a stand-in that starts nothing where none runs.

    `needs_engine` names a command that is no use without one: then `EngineUnreachable` is raised, before
    anything was changed.
    """
    environment = engine_environment(settings)
    if environment is not None:
        with applied(environment):
            yield PrefectStarter()
        return
    if needs_engine is not None:
        raise EngineUnreachable(
            f"nobody would do the work: `vidra job {needs_engine}` needs a running engine, start `vidra up` "
            "first"
        )
    yield NoEngine()
