"""Runs a flow for the command line and shows its progress."""

from __future__ import annotations

from vidra.cli.progress import Renderer
from vidra.errors import EngineError
from vidra.settings import Settings


def execute(flow: str, parameters: dict[str, object], *, settings: Settings, renderer: Renderer) -> int:
    """Run the flow to its end, tell the renderer what happens, and return the exit code.

    `parameters` are the fields of the flow's request model. Enters and leaves the renderer's context.
    """
    del parameters, settings, renderer  # used once the engine is in place
    raise EngineError(f"cannot run `{flow}` yet: the engine is not in place")
