"""How much Vidra asks of sites at the same time, how fast, and when it stops asking for a while."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field

from vidra.settings.constraints import Accepts, NonEmptyStr, Number, Timeout
from vidra.settings.section import Section

_HOST = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\Z")


def _site(value: str) -> str:
    name = value.lower().rstrip(".")
    if not _HOST.match(name):
        raise ValueError("expected the host name of a site such as `example.org`, without scheme and path")
    return name


SiteName = Annotated[
    NonEmptyStr, AfterValidator(_site), Accepts("the host name of a site such as `example.org`")
]
Slots = Annotated[int, Field(ge=1, le=1000)]
PerMinute = Annotated[Number, Field(gt=0, le=6000)]


class SiteLimits(Section):
    """What one site, with all its subdomains, is asked for at most; what is left out is not limited.

    ```yaml
    limits:
      sites:
        example.org:
          downloads: 2
          per_minute: 6
          also: [example.net]
    ```
    """

    downloads: Slots | None = Field(default=None, description="Downloads from the site at the same time.")
    per_minute: PerMinute | None = Field(
        default=None, description="Listings and downloads begun a minute, evenly spread."
    )
    also: Annotated[tuple[SiteName, ...], Accepts("a list of host names")] = Field(
        default=(), description="Further host names of the same site, such as its short links."
    )


class LimitSettings(Section):
    """Limits that hold across all processes and machines of one Prefect server, and what a refusal does.

    ```yaml
    limits:
      downloads: 12
      site_downloads: 4
      sites:
        example.org:
          downloads: 2
          per_minute: 6
    ```

    A site that refuses (`429`, or a page for robots) `refusals` times within `refusal_window` is left
    alone for `pause` seconds, or as long as it says itself; then one download tries. Each further
    refusal doubles the pause. See docs/limits.md.
    """

    downloads: Slots | None = Field(
        default=None, description="Downloads of all jobs together at the same time; empty: no limit."
    )
    site_downloads: Slots | None = Field(
        default=None, description="The same for each site that `sites` does not name."
    )
    site_per_minute: PerMinute | None = Field(
        default=None, description="Listings and downloads begun a minute from each such site."
    )
    sites: Annotated[Mapping[SiteName, SiteLimits], Accepts("limits by the host name of the site")] = Field(
        default_factory=dict, description="Limits of single sites, subdomains included."
    )
    refusals: Annotated[int, Field(ge=0, le=100)] = Field(
        default=3, description="Refusals after which a site is left alone for a while; 0: never."
    )
    refusal_window: Timeout = Field(
        default=600.0, description="Seconds within which these refusals have to come."
    )
    pause: Timeout = Field(
        default=60.0, description="Seconds a site is left alone at first; doubled with each further refusal."
    )
    longest_pause: Timeout = Field(
        default=21_600.0, description="Longest pause in seconds, whatever the site itself asks for."
    )
