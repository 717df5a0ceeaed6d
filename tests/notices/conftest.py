"""A place to run subscriptions in, and one to run commands in."""

from __future__ import annotations

from tests.subscriptions.conftest import connected, engine_settings, server, shell, studio, workshop

__all__ = ["connected", "engine_settings", "server", "shell", "studio", "workshop"]
