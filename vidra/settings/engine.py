"""The Prefect side: embedded server or your own."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from vidra.settings.constraints import Named, NonEmptyStr, ServiceUrl, Timeout
from vidra.settings.section import Section


class EngineSettings(Section):
    """Server and worker. The server's password is a secret: PREFECT_API_AUTH_STRING, never this file.

    ```yaml
    engine:
      worker_limit: 8
      history_days: 30
    ```
    """

    api_url: Annotated[ServiceUrl | None, Named("PREFECT_API_URL")] = Field(
        default=None, description="Prefect server to use; empty means the embedded one."
    )
    start_timeout: Timeout = Field(
        default=60.0, description="Seconds a part of the engine may take to come up."
    )
    pool: NonEmptyStr = Field(
        default="vidra", description="Work pool that Vidra's deployments and workers share."
    )
    worker_limit: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=8, description="Flow runs one worker has under way at the same time."
    )
    history_days: Annotated[int, Field(ge=1, le=3650)] = Field(
        default=14, description="Days that finished flow runs and their logs are kept."
    )
