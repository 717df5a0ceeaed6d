"""Who works on a flow run, so that after a crash nobody has to guess which runs are dead.

One small file per run, written by the process that runs it and removed when that ends. A pid alone
would not do: it is reused, and means nothing after a reboot.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Final

from vidra.supervisor.identity import Identity

FOLDER: Final = "owners"


@contextmanager
def owning(home: Path, flow_run_id: str) -> Iterator[None]:
    """Say that this process works on the run, for as long as the context lasts."""
    path = _path(home, flow_run_id)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    identity = Identity.of(os.getpid())
    aside = path.with_suffix(".new")
    aside.write_text(json.dumps(asdict(identity) if identity else {}), "utf-8")
    aside.replace(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def owner(home: Path, flow_run_id: str) -> Identity | None:
    """Return who said to work on the run, dead or alive; None when nobody did, or illegibly."""
    try:
        return Identity(**json.loads(_path(home, flow_run_id).read_text("utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def left_behind(home: Path) -> Sequence[str]:
    """Return the flow runs whose owner said to work on them and is dead."""
    runs = [path.stem for path in (home / FOLDER).glob("*.json")]
    return [run for run in runs if (found := owner(home, run)) is not None and not found.alive]


def forget(home: Path, flow_run_id: str) -> None:
    """Remove what a dead owner left."""
    _path(home, flow_run_id).unlink(missing_ok=True)


def _path(home: Path, flow_run_id: str) -> Path:
    return home / FOLDER / f"{flow_run_id}.json"
