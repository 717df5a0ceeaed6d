"""A folder to write configurations into, and short ways to read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from vidra.errors import ConfigError, ConfigProblem
from vidra.settings import Settings, load_settings

Load = Callable[..., Settings]
Refusals = Callable[..., Sequence[ConfigProblem]]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load this YAML, these variables and overrides, and nothing else."""

    def _load(
        yaml: str | bytes = "",
        environ: Mapping[str, str] | None = None,
        overrides: Mapping[str, object] | None = None,
    ) -> Settings:
        file = tmp_path / "vidra.yaml"
        file.write_bytes(yaml.encode() if isinstance(yaml, str) else yaml)
        return load_settings(config=file, overrides=overrides, environ=environ or {})

    return _load


@pytest.fixture
def refusals(load: Load) -> Refusals:
    """Load, and return the problems of the `ConfigError` that has to come."""

    def _refusals(*args: object, **kwargs: object) -> Sequence[ConfigProblem]:
        with pytest.raises(ConfigError) as caught:
            load(*args, **kwargs)
        return caught.value.problems

    return _refusals
