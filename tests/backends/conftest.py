"""A supervisor with its control path, in the test's own event loop."""

from __future__ import annotations

from tests.supervisor.conftest import anyio_backend, world

__all__ = ["anyio_backend", "world"]
