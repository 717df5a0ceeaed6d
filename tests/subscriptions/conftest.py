"""A place to run subscriptions in."""

from __future__ import annotations

import pytest

from tests.cli.conftest import shell
from tests.flows.conftest import connected, engine_settings, server, workshop
from tests.flows.workshop import Workshop
from tests.subscriptions.studio import Studio

__all__ = ["connected", "engine_settings", "server", "shell", "workshop"]


@pytest.fixture
def studio(workshop: Workshop) -> Studio:
    """Return a place that declares subscriptions and runs them."""
    return Studio(workshop=workshop)
