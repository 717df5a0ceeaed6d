"""The tutorial uses the same places as the tests of whole flows."""

from __future__ import annotations

from tests.engine.conftest import connected, engine_settings, server
from tests.flows.conftest import workshop

__all__ = ["connected", "engine_settings", "server", "workshop"]
