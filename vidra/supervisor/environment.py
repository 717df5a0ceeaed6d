"""The environment a back end starts in: ours, cleaned of what would change its runtime, plus its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from vidra.supervisor.interface import (
    FD_VARIABLE,
    INSTANCE_VARIABLE,
    TOKEN_VARIABLE,
    BackendSpec,
)

LINEAGE_VARIABLE: Final = "VIDRA_BACKEND_LINEAGE"
"""Instance ids of all supervisors' starts above a process, so that an inner start hides no outer one."""

_OUR_RUNTIME: Final = ("PYTHON", "CONDA_", "VIRTUAL_ENV", "_PYI_", "_MEI", "UV_", "PIPENV_", "POETRY_")
_OUR_BUSINESS: Final = ("VIDRA_", "PREFECT_")
"""Our settings, tokens and stored credentials; a back end that needs one declares it."""


def environment_for(
    spec: BackendSpec,
    inherited: Mapping[str, str],
    *,
    instance: str,
    token: str,
    values: Mapping[str, str],
    temporary: Path | None,
) -> dict[str, str]:
    """Return the whole environment; `values` fill `{port}`, `{host}` and `{fd}` in the declared one.

    Raises `BackendNotStarted` when a secret it refers to is not there.
    """
    env = isolated(inherited) if spec.isolated else dict(inherited)
    # Secrets come last: what is in one is not ours to fill in.
    env |= {key: spec.reveal(fill(value, values)) for key, value in spec.env.items()}
    if spec.port is not None and spec.port.variable is not None:
        env[spec.port.variable] = values["port"]
    env[LINEAGE_VARIABLE] = ",".join(filter(None, (inherited.get(LINEAGE_VARIABLE), instance)))
    env[INSTANCE_VARIABLE], env[TOKEN_VARIABLE] = instance, token
    if temporary is not None:
        env["TMPDIR"] = str(temporary)
    env.pop(FD_VARIABLE, None)
    if "fd" in values:
        env[FD_VARIABLE] = values["fd"]
    return env


def isolated(inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without our virtual environment, Python settings, user site and secrets."""
    ours = (*_OUR_RUNTIME, *_OUR_BUSINESS)
    env = {key: value for key, value in inherited.items() if not key.startswith(ours)}
    env["PYTHONNOUSERSITE"] = "1"
    if home := inherited.get("VIRTUAL_ENV"):
        own = str(Path(home) / "bin")
        env["PATH"] = os.pathsep.join(part for part in env.get("PATH", "").split(os.pathsep) if part != own)
    return without_bundle(env)


def without_bundle(inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without the libraries that a one-file build points the loader at.

    It keeps what was there before, if anything was; that is no use if it names another start's folder.
    """
    env = dict(inherited)
    original = env.pop("LD_LIBRARY_PATH_ORIG", None)
    if getattr(sys, "frozen", False):
        env.pop("LD_LIBRARY_PATH", None)
    if original is not None and "_MEI" not in original:
        env["LD_LIBRARY_PATH"] = original
    return env


def command_for(command: tuple[str, ...], spec: BackendSpec, values: Mapping[str, str]) -> list[str]:
    """Return the argument list with port, host and descriptor filled in, or appended as declared."""
    filled = [fill(argument, values) for argument in command]
    placed = any("{port}" in argument or "{fd}" in argument for argument in command)
    if spec.port is not None and not placed:
        filled += [fill(argument, values) for argument in spec.port.argument]
    return filled


def fill(text: str, values: Mapping[str, str]) -> str:
    """Replace `{port}`, `{host}` and `{fd}`; other braces are the back end's own business."""
    for key, value in values.items():
        text = text.replace(f"{{{key}}}", value)
    return text
