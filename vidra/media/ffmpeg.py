"""Finds the ffmpeg that merges, remuxes and probes."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path


@cache
def find_ffmpeg() -> Path | None:
    """Return the ffmpeg on PATH, else the one in the imageio-ffmpeg wheel, else None."""
    found = shutil.which("ffmpeg")
    if found:
        return Path(found)
    import imageio_ffmpeg  # noqa: PLC0415 - only where PATH has none

    try:
        return Path(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:  # the wheel for this platform carries no program
        return None
