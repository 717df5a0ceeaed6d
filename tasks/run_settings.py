"""The settings of the flow run at hand."""

from __future__ import annotations

from functools import lru_cache

from prefect.runtime import flow_run

from vidra.settings import Settings, load_settings


def run_settings() -> Settings:
    """Return the settings as they were when this run first asked; reading them takes 15 ms.

    Outside a run they are read each time. Raises `ConfigError`.
    """
    run_id = flow_run.get_id()
    return load_settings() if run_id is None else _settings_of(str(run_id))


@lru_cache(maxsize=1)
def _settings_of(_run_id: str) -> Settings:
    return load_settings()
