"""How often Prefect's server looks for background work that is due. Imports Prefect's server."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Final

from prefect.server.api import background_workers

ROUND: Final = timedelta(seconds=1)
"""Four looks a second by default, which is a quarter of what an idle server costs. What is due are services
with intervals of 5 s and more; new work that is to be done at once does not wait for a look."""


def look_seldom() -> None:
    """Have the server of this process look once in a round. Call before its application starts."""
    names = background_workers.__dict__  # an import of theirs, which is no part of what the module exports
    names["Worker"] = partial(names["Worker"], scheduling_resolution=ROUND, minimum_check_interval=ROUND)
