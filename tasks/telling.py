"""Tells the owner what a run found: through the channels, and in the run's log."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.reporting import RunLogger
from vidra.engine.notices.notifying import asend
from vidra.notices import Notice
from vidra.settings import Settings


async def tell(notices: Sequence[Notice], settings: Settings, logger: RunLogger) -> None:
    """Log the notices and hand them to the channels, with what was held back for the end of the run."""
    for notice in notices:
        logger.warning("%s: %s", notice.title, notice.text)
    await asend(notices, settings)
