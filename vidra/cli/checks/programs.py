"""Programs that downloads need: ffmpeg and a JavaScript runtime."""

from __future__ import annotations

import re
import shutil
import subprocess
import sysconfig
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from vidra.cli.checks.finding import Finding, error, ok, warn
from vidra.cli.checks.versions import Installed, installed_version

Which = Callable[[str], str | None]
"""From a program's name to where it is, as `shutil.which`."""

RUNTIMES: Final[Mapping[str, tuple[str, tuple[int, ...]]]] = {
    "deno": ("--version", (2, 3, 0)),
    "node": ("--version", (22, 0, 0)),
    "bun": ("--version", (1, 2, 11)),
    "qjs": ("--help", (2023, 12, 9)),
}
"""Runtimes that yt-dlp can use: the argument that prints the version, and the oldest one it takes."""

_TIMEOUT = 10.0  # seconds; a program that takes longer to say its version is broken
_VERSION = re.compile(r"\d+(?:[.-]\d+)+")


def find_program(name: str) -> str | None:
    """Return where the program is: beside this Python first (wheels bring programs), then on PATH."""
    return shutil.which(name, path=sysconfig.get_path("scripts")) or shutil.which(name)


def check_ffmpeg(which: Which = shutil.which, bundled: Callable[[], str | None] | None = None) -> Finding:
    """Whether an ffmpeg works: the one on PATH, else the one in the `imageio-ffmpeg` wheel."""
    path, where = which("ffmpeg"), "on PATH"
    if path is None:
        path, where = (bundled or _bundled_ffmpeg)(), "from imageio-ffmpeg"
    remedy = "install ffmpeg with your system's package manager, or: python -m pip install imageio-ffmpeg"
    if path is None:
        return error("ffmpeg", "not found", remedy)
    version = _printed_version(path, "-version")
    if version is None:
        return error("ffmpeg", f"{path} does not run", remedy)
    return ok("ffmpeg", f"{version} {where}, {path}")


def _bundled_ffmpeg() -> str | None:
    try:
        import imageio_ffmpeg  # noqa: PLC0415 - 0.1 s, and only used where PATH has none
    except ImportError:
        return None
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:  # this platform's wheel carries none
        return None


def check_javascript(which: Which = find_program, installed: Installed = installed_version) -> Finding:
    """Whether YouTube can work: it needs a JavaScript runtime and the `yt-dlp-ejs` package."""
    remedy = 'python -m pip install "vidra[youtube]" (other sites work without)'
    found, old = _runtimes(which)
    if not found:
        reason = f"too old: {', '.join(old)}" if old else "none of " + ", ".join(RUNTIMES)
        return warn("javascript", f"no runtime for YouTube ({reason})", remedy)
    ejs = installed("yt-dlp-ejs")
    if ejs is None:
        return warn("javascript", f"{', '.join(found)}, but yt-dlp-ejs is not installed", remedy)
    return ok("javascript", f"{', '.join(found)}; yt-dlp-ejs {ejs}")


def _runtimes(which: Which) -> tuple[list[str], list[str]]:
    """Return the usable runtimes and the ones too old, each as `name version`."""
    found: list[str] = []
    old: list[str] = []
    for name, (argument, oldest) in RUNTIMES.items():
        path = which(name)
        version = _printed_version(path, argument) if path else None
        if version is not None:
            numbers = tuple(int(part) for part in re.split(r"[.-]", version))
            (found if numbers >= oldest else old).append(f"{name} {version}")
    return found, old


def _printed_version(path: str, argument: str) -> str | None:
    """Return the first thing like a version in what the program prints; None when it does not run."""
    try:
        done = subprocess.run([Path(path), argument], capture_output=True, timeout=_TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = _VERSION.search((done.stdout + done.stderr).decode(errors="replace"))
    return match[0] if match else None
