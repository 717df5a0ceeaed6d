"""Fixtures every room's tests may use."""

from __future__ import annotations

from tests.site.fixtures import media_site

__all__ = ["media_site"]
