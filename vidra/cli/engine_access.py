"""The way from a command to the engine's server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vidra.errors import EngineUnreachable

if TYPE_CHECKING:
    from vidra.settings import Settings


@contextmanager
def engine_reached(settings: Settings) -> Iterator[None]:
    """Make this process talk to the running engine; raises `EngineUnreachable` when there is none."""
    from vidra.engine.environment import applied  # noqa: PLC0415 - 0.2 s
    from vidra.engine.lifecycle.running import engine_environment  # noqa: PLC0415 - the same

    environment = engine_environment(settings)
    if environment is None:
        raise EngineUnreachable("no engine runs here: start `vidra up`, or set PREFECT_API_URL")
    with applied(environment):
        yield
