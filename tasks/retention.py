"""Retention at the end of a subscription's run: its failures are told and cost the run nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from tasks.artifacts import publish_removals
from tasks.reporting import RunLogger
from vidra.engine.subscriptions import retention
from vidra.engine.subscriptions.retention import Clearance
from vidra.errors import VidraError
from vidra.redaction import redact
from vidra.settings import Settings, SubscriptionSettings


async def let_go(
    name: str, own: SubscriptionSettings, settings: Settings, log: RunLogger
) -> Clearance | None:
    """Remove what retention lets go of the subscription; None if nothing bounds it or it failed."""
    if not (own.retention or settings.retention).is_bounded:
        return None
    try:
        done = await asyncio.to_thread(retention.apply, settings, names=(name,))
    except (VidraError, OSError) as error:
        log.warning("%s: retention failed: %s", name, redact(str(error)))
        return None
    for removal in done.removals:
        log.info("%s: removed %s (%s)", name, removal.title or removal.key, removal.reason)
    for doubt in (done.refused or {}).values():
        log.warning("%s: nothing removed: %s If so: `vidra retention apply -s %s --yes`", name, doubt, name)
    for problem in done.problems:
        log.error("%s: not removed: %s", name, problem)
    if done.removals:
        await publish_removals(name, done)
    return done


async def foresee(
    name: str, own: SubscriptionSettings, settings: Settings, log: RunLogger
) -> Sequence[dict[str, Any]]:
    """Return, and log, what retention would remove of the library as it is now."""
    if not (own.retention or settings.retention).is_bounded:
        return []
    try:
        found = await asyncio.to_thread(retention.plan, settings, names=(name,))
    except (VidraError, OSError) as error:
        log.warning("%s: no plan of retention: %s", name, redact(str(error)))
        return []
    for ruling in found.removals:
        log.info("%s: would remove %s (%s)", name, ruling.item.title or ruling.item.key, ruling.reason)
    return [ruling.to_json() for ruling in found.removals]
