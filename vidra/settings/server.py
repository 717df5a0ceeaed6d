"""How the shim listens and how it describes itself to clients."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum, unique
from typing import Annotated, Any

from pydantic import Field

from vidra.settings.constraints import (
    Accepts,
    HostPort,
    LocalPath,
    Named,
    NonEmptyStr,
    Port,
    ServiceUrl,
    UrlPath,
)
from vidra.settings.section import Section


@unique
class Scheme(StrEnum):
    """Scheme of the advertised URLs; `https` means that a proxy in front ends TLS."""

    HTTP = "http"
    HTTPS = "https"


@unique
class ServerLogLevel(StrEnum):
    """Levels of the server's own log, uvicorn's names."""

    CRITICAL = "critical"
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"
    DEBUG = "debug"
    TRACE = "trace"


class ServerSettings(Section):
    """The HTTP and WebSocket server. Its token is a secret: VIDRA_SERVER_TOKEN, never this file.

    ```yaml
    server:
      host: 127.0.0.1
      port: 8080
    ```

    The variables `VIDRA_SERVER_…` and the value `Vidra Download Service` are the Vidra client's contract.
    """

    host: Annotated[NonEmptyStr, Named("VIDRA_SERVER_HOST")] = Field(
        default="127.0.0.1", description="Address to listen on; 0.0.0.0 opens the server to the network."
    )
    port: Annotated[Port, Named("VIDRA_SERVER_PORT")] = Field(default=59666, description="Port to listen on.")
    allowed_hosts: Annotated[tuple[HostPort, ...], Accepts("a list of `host` or `host:port`")] = Field(
        default=(), description="Further names this server is reached by, for example behind a proxy."
    )
    allowed_origins: Annotated[tuple[ServiceUrl, ...], Accepts("a list of origins `https://host`")] = Field(
        default=(), description="Web pages of these origins may talk to the server; none by default."
    )
    name: Annotated[NonEmptyStr, Named("VIDRA_SERVER_NAME")] = Field(
        default="Vidra Download Service",
        description="`service` in the health reply; the Vidra client reuses only a server with this name.",
    )
    description: Annotated[NonEmptyStr, Named("VIDRA_SERVER_DESCRIPTION")] = Field(
        default="Local server backend for Vidra", description="`description` in the health reply."
    )
    scheme: Annotated[Scheme, Named("VIDRA_SERVER_SCHEME")] = Field(
        default=Scheme.HTTP,
        description="Scheme of the advertised URLs; https when a proxy in front speaks TLS.",
    )
    base_path: Annotated[UrlPath, Named("VIDRA_SERVER_BASE_PATH")] = Field(
        default="/", description="Path before all advertised URLs."
    )
    api_root: Annotated[UrlPath, Named("VIDRA_SERVER_API_ROOT")] = Field(
        default="/api", description="Advertised path of the HTTP API."
    )
    ws_overview_path: Annotated[UrlPath, Named("VIDRA_SERVER_WS_OVERVIEW_PATH")] = Field(
        default="/ws/overview", description="Advertised path of the overview WebSocket."
    )
    ws_job_path: Annotated[UrlPath, Named("VIDRA_SERVER_WS_JOB_PATH")] = Field(
        default="/ws/jobs", description="Advertised path of the job WebSockets."
    )
    metadata: Annotated[
        Mapping[str, Any],
        Named("VIDRA_SERVER_METADATA"),
        Accepts("an object of any keys (JSON in a variable)"),
    ] = Field(default_factory=dict, description="Object echoed as `metadata` in the health reply.")
    timeout_seconds: Annotated[int, Field(ge=1, le=86_400), Named("VIDRA_SERVER_TIMEOUT_SECONDS")] = Field(
        default=30, description="Time limit echoed in the health reply, for clients that read it."
    )
    status_file: Annotated[LocalPath | None, Named("VIDRA_SERVER_STATUS_FILE")] = Field(
        default=None,
        description="Start-up status file; empty means `startup_status.json` in `storage.data_dir`.",
    )
    log_file: Annotated[LocalPath | None, Named("VIDRA_SERVER_LOG_FILE")] = Field(
        default=None,
        description="Log of the running engine; empty means `release_logs.txt` in `storage.data_dir`.",
    )
    log_level: Annotated[ServerLogLevel, Named("VIDRA_SERVER_LOG_LEVEL")] = Field(
        default=ServerLogLevel.INFO, description="How much the server logs."
    )
    diagnostics: Annotated[bool, Named("VIDRA_SERVER_DIAGNOSTICS")] = Field(
        default=False, description="Log facts about the file system and the environment at start."
    )
    debug: Annotated[bool, Named("VIDRA_SERVER_DEBUG")] = Field(
        default=False, description="Log debugging facts of the server."
    )
    verbose: Annotated[bool, Named("VIDRA_SERVER_VERBOSE")] = Field(
        default=True, description="Log every request and reply in one line, secrets masked."
    )
    preview_api: Annotated[bool, Named("VIDRA_ENABLE_PREVIEW_API")] = Field(
        default=False, description="Offer `POST /api/preview` and `POST /api/jobs/dry-run`."
    )
