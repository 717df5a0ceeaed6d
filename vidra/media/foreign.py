"""A name for objects of untyped libraries that pass through our code without being looked into."""

from __future__ import annotations

from typing import Any, TypeAlias

Foreign: TypeAlias = Any
"""An object of yt-dlp or `requests`; neither ships types for what we override."""
