"""How gaps in what media servers know are filled from The Movie Database."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from vidra.settings.constraints import NonEmptyStr, ServiceUrl
from vidra.settings.section import Section


class TmdbSettings(Section):
    """What is asked of The Movie Database (TMDB); nothing unless `active`. The key is a secret.

    ```yaml
    tmdb:
      active: true
      language: de-DE
    ```
    """

    active: bool = Field(
        default=False,
        description="Fill gaps in films, shows and episodes after a sync; needs a key of your own.",
    )
    language: NonEmptyStr = Field(default="en-US", description="Language of the texts, as TMDB spells it.")
    url: ServiceUrl = Field(
        default="https://api.themoviedb.org/3", description="Where TMDB answers, version 3 of its interface."
    )
    per_second: Annotated[int, Field(ge=2, le=40)] = Field(
        default=40, description="Requests in any second at most, of all runs with the same key together."
    )
    per_sync: Annotated[int, Field(ge=1, le=100_000)] = Field(
        default=2000, description="Questions that one sync asks at most; the next one goes on."
    )
