"""The owner's configuration: one frozen model per YAML section, and the way it is read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from vidra.settings.connections import ConnectionSettings
from vidra.settings.credentials import CredentialSettings, SecretPlace
from vidra.settings.downloads import DownloadSettings
from vidra.settings.engine import EngineSettings
from vidra.settings.environment import settings_environment
from vidra.settings.limits import LimitSettings, SiteLimits
from vidra.settings.location import find_config
from vidra.settings.model import Settings
from vidra.settings.network import NetworkSettings
from vidra.settings.presets import PresetSettings
from vidra.settings.schedules import ScheduleSettings
from vidra.settings.secrets import Secrets, load_secrets
from vidra.settings.server import Scheme, ServerLogLevel, ServerSettings
from vidra.settings.sources import SourceSettings
from vidra.settings.storage import StorageSettings
from vidra.settings.subscriptions import SubscriptionSettings

__all__ = [
    "ConnectionSettings",
    "CredentialSettings",
    "DownloadSettings",
    "EngineSettings",
    "LimitSettings",
    "NetworkSettings",
    "PresetSettings",
    "ScheduleSettings",
    "Scheme",
    "SecretPlace",
    "Secrets",
    "ServerLogLevel",
    "ServerSettings",
    "Settings",
    "SiteLimits",
    "SourceSettings",
    "StorageSettings",
    "SubscriptionSettings",
    "find_config",
    "load_secrets",
    "load_settings",
    "settings_environment",
]


def load_settings(
    *,
    config: Path | None = None,
    overrides: Mapping[str, object] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Settings:
    """Return the settings: `overrides` (dotted keys) > environment > YAML > defaults.

    Overrides of None count as not given. Raises `ConfigError` with all problems at once.
    """
    # pydantic-settings brings asyncio along (80 ms); what only needs the models should not pay.
    from vidra.settings.loading import resolve_settings  # noqa: PLC0415 - see above

    return resolve_settings(config=config, overrides=overrides, environ=environ).settings
