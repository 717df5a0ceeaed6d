"""`vidra up` that tells what its own process imports; its children do not inherit the option."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence

from tests.cli.shell import Shell, environment


def light_up(shell: Shell) -> Sequence[str]:
    """Start the engine and return what it has told once it is ready; see `heavy_imports`."""
    with (shell.root / "imported.txt").open("wb") as told:
        engine = subprocess.Popen(
            [sys.executable, "-X", "importtime", *shell.command("up")[1:]],
            stdout=subprocess.PIPE, stderr=told, text=True, env=environment(), start_new_session=True,
        )  # fmt: skip
    shell.engines.append(engine)
    assert engine.stdout is not None
    lines = []
    for line in engine.stdout:
        lines.append(line.rstrip())
        if lines[-1] == "Ready.":
            return lines
    raise AssertionError((shell.root / "imported.txt").read_text("utf-8")[-2000:])


def heavy_imports(shell: Shell) -> Sequence[str]:
    """Return the modules of Prefect and yt-dlp that the process of `vidra up` has imported so far."""
    told = (shell.root / "imported.txt").read_text("utf-8")
    names = re.findall(r"^import time: .*\|\s*([\w.]+)$", told, re.MULTILINE)
    assert "vidra.engine.reconcile" in names  # it does tell
    return [name for name in names if name.split(".")[0] in {"prefect", "yt_dlp"}]
