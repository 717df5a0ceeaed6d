"""Tells a running engine that what should be deployed has changed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vidra.settings import Settings


def apply_if_running(settings: Settings) -> bool:
    """Bring the deployments of the running engine up to date; return whether one runs."""
    from vidra.engine.lifecycle.running import engine_environment  # noqa: PLC0415 - a tenth of a second

    environment = engine_environment(settings)
    if environment is None:
        return False
    from vidra.engine.deployments.applying import apply_deployments  # noqa: PLC0415 - only where one runs
    from vidra.engine.deployments.declared import declared_deployments  # noqa: PLC0415 - the same
    from vidra.engine.environment import applied  # noqa: PLC0415 - the same

    with applied(environment):
        asyncio.run(apply_deployments(declared_deployments(settings)))
    return True
