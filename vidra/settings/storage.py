"""Where Vidra keeps what it knows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import platformdirs
from pydantic import Field

from vidra.settings.constraints import LocalPath, Named, Timeout
from vidra.settings.section import Section


class StorageSettings(Section):
    """State, logs and caches; not the library.

    ```yaml
    storage:
      data_dir: /srv/vidra/data
      log_lines_kept: 5000
    ```
    """

    data_dir: Annotated[LocalPath, Named("VIDRA_SERVER_DATA")] = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("vidra", appauthor=False)),
        description="Folder of the state files, the download archive and the engine; "
        "on a local disk, not a network share.",
        json_schema_extra={"x-default": "the user's data folder, ~/.local/share/vidra on Linux"},
    )
    cache_dir: Annotated[LocalPath, Named("VIDRA_SERVER_CACHE")] = Field(
        default_factory=lambda: Path(platformdirs.user_cache_dir("vidra", appauthor=False)),
        description="Folder of what can be deleted at any time and is then made again.",
        json_schema_extra={"x-default": "the user's cache folder, ~/.cache/vidra on Linux"},
    )
    log_lines_kept: Annotated[int, Field(ge=10, le=1_000_000)] = Field(
        default=2000, description="Log lines kept for each job; the oldest go first."
    )
    lock_timeout: Timeout = Field(
        default=30.0,
        description="Seconds to wait for another process that is writing state before giving up.",
    )

    @property
    def health_file(self) -> Path:
        """Scores and health of connections and back ends."""
        return self.data_dir / "health.json"

    @property
    def token_file(self) -> Path:
        """The token of the HTTP server, made at its first start."""
        return self.data_dir / "server_token"

    @property
    def instance_lock_file(self) -> Path:
        """Held by the one running engine."""
        return self.data_dir / "vidra.start.lock"

    @property
    def prefect_home(self) -> Path:
        """Home of the embedded Prefect server."""
        return self.data_dir / "prefect"
