"""How the addresses of media servers are probed, chosen and kept."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from vidra.settings.constraints import Seconds, ServiceUrl, Timeout
from vidra.settings.section import Section


class ConnectionSettings(Section):
    """Probes, the choice between addresses, and how often it is looked at.

    ```yaml
    connections:
      remote_every: 120
      relay_every: 60
    ```

    The flow `connection-scoring` ticks every 30 seconds; a source is looked at when its class is due.
    """

    probe_timeout: Timeout = Field(default=3.0, description="Seconds one probe may take.")
    patient_timeout: Timeout = Field(
        default=10.0, description="Seconds one probe may take after a race that nobody won."
    )
    budget: Timeout = Field(default=15.0, description="Seconds a search for a connection may take in all.")
    grace: Seconds = Field(
        default=0.08, description="Seconds after the first answer in which a better class may still win."
    )
    parallel_probes: Annotated[int, Field(ge=1, le=10_000)] = Field(
        default=1000, description="Probes under way at the same time."
    )
    local_every: Timeout = Field(default=30.0, description="Seconds between checks of a local connection.")
    remote_every: Timeout = Field(default=30.0, description="Seconds between checks of a remote connection.")
    relay_every: Timeout = Field(default=30.0, description="Seconds between checks of a relayed connection.")
    faster_by: Seconds = Field(
        default=0.3, description="Seconds an address must be faster to replace a working one of its class."
    )
    checks_in_a_row: Annotated[int, Field(ge=1, le=100)] = Field(
        default=2, description="Checks in a row in which it must be."
    )
    plex_tv: ServiceUrl = Field(
        default="https://plex.tv", description="Where Plex accounts sign in and servers are looked up."
    )
