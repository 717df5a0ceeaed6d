"""Which addresses downloads may reach, and how."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from vidra.settings.constraints import Accepts, HostPort, ProxyUrl, Timeout
from vidra.settings.section import Section


class NetworkSettings(Section):
    """Connections of downloads; redirects and HLS segments obey the same rules.

    ```yaml
    network:
      allowed_addresses: ["nas.home.arpa:8080"]
    ```

    A proxy with a user name and password belongs in the environment: VIDRA_PROXY or VIDRA_PROXY_FILE.
    """

    allow_private_addresses: bool = Field(
        default=False, description="Let downloads reach private, loopback and link-local addresses."
    )
    allowed_addresses: Annotated[tuple[HostPort, ...], Accepts("a list of `host` or `host:port`")] = Field(
        default=(), description="Private hosts that downloads may reach all the same; without port: any port."
    )
    proxy: ProxyUrl | None = Field(default=None, description="Proxy for downloads, without credentials.")
    socket_timeout: Timeout = Field(
        default=20.0, description="Seconds without a byte after which a connection counts as broken."
    )
