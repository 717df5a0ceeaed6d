"""Where the data files that ship with Vidra are, in a checkout and in an installed wheel alike."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

_PACKAGE = Path(__file__).resolve().parent


def shipped(folder: Literal["config", "deployments"]) -> Path:
    """Return the shipped data folder.

    In a checkout (or editable install) it lies beside the package; a wheel carries a copy in
    `vidra/_data`, because a top-level `config` in site-packages would belong to nobody.
    """
    inside_wheel = _PACKAGE / "_data" / folder
    return inside_wheel if inside_wheel.is_dir() else _PACKAGE.parent / folder
