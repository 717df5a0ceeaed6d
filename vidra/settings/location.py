"""Finds the configuration file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import platformdirs

from vidra.errors import ConfigError, ConfigProblem


def user_config_file() -> Path:
    """Return where the user's own configuration belongs, whether or not it is there."""
    return Path(platformdirs.user_config_dir("vidra", appauthor=False)) / "vidra.yaml"


def find_config(config: Path | None = None, *, environ: Mapping[str, str] = os.environ) -> Path | None:
    """Return the file to read, or None when there is none and defaults apply.

    The first of: `config` (from `--config`), `VIDRA_CONFIG`, `./vidra.yaml`, `./config/vidra.yaml`,
    the user's configuration folder. A file that was named and is not there raises `ConfigError`.
    """
    if config is not None:
        return _named(config, "--config")
    if named := environ.get("VIDRA_CONFIG", "").strip():
        return _named(Path(named), "VIDRA_CONFIG")
    usual = (Path("vidra.yaml"), Path("config") / "vidra.yaml", user_config_file())
    return next((path for path in usual if _is_there(path)), None)


def _is_there(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a working directory or home we may not enter holds no configuration of ours
        return False


def _named(path: Path, source: str) -> Path:
    try:
        if (expanded := path.expanduser()).is_file():
            return expanded
    except (OSError, RuntimeError, ValueError):  # may not enter, `~nobody`, NUL: all the same to the owner
        pass
    expected = "expected an existing file; `vidra config init --path …` writes one"
    raise ConfigError(
        [ConfigProblem(source=source, line=None, key_path="(file)", value=str(path), expected=expected)]
    )
