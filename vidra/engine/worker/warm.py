"""Does beforehand, in the process that forks runs, what every run would do for itself. Imports Prefect."""

from __future__ import annotations

import asyncio
import sys
from importlib import import_module
from typing import Final

import anyio.lowlevel
from prefect import Flow

from vidra.engine.worker.execution import load_flow

LATE: Final = (
    "_strptime",
    "anyio.streams.stapled",
    "anyio.streams.tls",
    "encodings.ascii",
    "encodings.utf_8_sig",
    "prefect.concurrency.services",
    "prefect.task_engine",
    "prefect.utilities.visualization",
    "vidra.settings.yaml_file",
)
"""What others import only when they first need it, which every run does."""


def warm_up() -> None:
    """Import that, and make ready the flows of every module below `flows` that is imported by now.

    Talks to nobody and leaves no thread behind.
    """
    for name in LATE:
        import_module(name)
    asyncio.run(anyio.lowlevel.checkpoint())  # its back end is imported by the first call
    for name, module in list(sys.modules.items()):
        if name.startswith("flows."):
            for attribute, value in list(vars(module).items()):
                if isinstance(value, Flow) and value.isasync:
                    load_flow(f"{name}.{attribute}")
