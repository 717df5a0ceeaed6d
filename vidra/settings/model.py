"""The whole configuration. A new section is one file beside this one and one line in `Settings`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from vidra.settings.backends import BackendName, BackendSettings, unreserved
from vidra.settings.connections import ConnectionSettings
from vidra.settings.constraints import Accepts
from vidra.settings.credentials import CredentialSettings
from vidra.settings.downloads import DownloadSettings
from vidra.settings.engine import EngineSettings
from vidra.settings.library import LibrarySettings
from vidra.settings.limits import LimitSettings
from vidra.settings.network import NetworkSettings
from vidra.settings.notices import NoticeSettings
from vidra.settings.presets import PresetName, PresetSettings
from vidra.settings.retention import RetentionSettings
from vidra.settings.schedules import ScheduleSettings
from vidra.settings.section import Section
from vidra.settings.server import ServerSettings
from vidra.settings.sources import SourceId, SourceSettings
from vidra.settings.storage import StorageSettings
from vidra.settings.subscriptions import SubscriptionName, SubscriptionSettings
from vidra.settings.tmdb import TmdbSettings


class Settings(Section):
    """Every setting of Vidra, checked. Built by hand it reads nothing but its arguments.

    ```yaml
    # yaml-language-server: $schema=vidra.schema.json
    downloads:
      library: /srv/media
    ```
    """

    storage: StorageSettings = Field(
        default_factory=StorageSettings, description="Where Vidra keeps what it knows."
    )
    server: ServerSettings = Field(
        default_factory=ServerSettings, description="The HTTP and WebSocket server."
    )
    downloads: DownloadSettings = Field(
        default_factory=DownloadSettings, description="Where downloads go and how hard Vidra tries."
    )
    presets: Annotated[
        Mapping[PresetName, PresetSettings],
        Accepts("presets by name (small letters, digits, `-`, `_`)"),
    ] = Field(default_factory=dict, description="Your own presets; see also `vidra config show`.")
    limits: LimitSettings = Field(
        default_factory=LimitSettings, description="How much Vidra asks of sites, and how fast."
    )
    network: NetworkSettings = Field(
        default_factory=NetworkSettings, description="Which addresses downloads may reach, and how."
    )
    library: LibrarySettings = Field(
        default_factory=LibrarySettings, description="How libraries of media servers are kept here."
    )
    tmdb: TmdbSettings = Field(
        default_factory=TmdbSettings, description="Filling gaps in libraries from The Movie Database."
    )
    engine: EngineSettings = Field(
        default_factory=EngineSettings, description="The Prefect side: embedded server or your own."
    )
    backends: Annotated[
        Mapping[BackendName, BackendSettings],
        AfterValidator(unreserved),
        Accepts("back ends by name (small letters, digits, `-`, `_`)"),
    ] = Field(default_factory=dict, description="Programs to start and watch, and services to watch.")

    subscriptions: Annotated[
        Mapping[SubscriptionName, SubscriptionSettings],
        Accepts("subscriptions by name (small letters, digits, `-`, `_`)"),
    ] = Field(default_factory=dict, description="Lists that are kept in the library for ever.")

    retention: RetentionSettings = Field(
        default_factory=RetentionSettings,
        description="How long files of subscriptions are kept that say nothing of it themselves.",
    )
    notifications: NoticeSettings = Field(
        default_factory=NoticeSettings, description="Who is told what happens, and how."
    )

    sources: Annotated[
        Mapping[SourceId, SourceSettings], Accepts("sources by id (small letters, digits, `-`, `_`)")
    ] = Field(default_factory=dict, description="Media servers and folders; see also `vidra source`.")
    connections: ConnectionSettings = Field(
        default_factory=ConnectionSettings, description="How addresses of media servers are chosen."
    )
    credentials: CredentialSettings = Field(
        default_factory=CredentialSettings, description="Where tokens and passwords are kept."
    )

    schedules: Annotated[
        Mapping[str, ScheduleSettings], Accepts("schedules by the name of the deployment")
    ] = Field(default_factory=dict, description="When deployments run by themselves, by deployment name.")

    @property
    def status_file(self) -> Path:
        """The start-up status file, wherever it was configured to be."""
        return self.server.status_file or self.storage.data_dir / "startup_status.json"

    @property
    def log_file(self) -> Path:
        """The log of the running engine, wherever it was configured to be."""
        return self.server.log_file or self.storage.data_dir / "release_logs.txt"
