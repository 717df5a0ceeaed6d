"""How long downloads of subscriptions are kept; without a bound, for ever."""

from __future__ import annotations

from enum import StrEnum, unique
from typing import Annotated

from pydantic import Field, field_validator

from vidra.settings.constraints import Accepts, Bytes, NonEmptyStr
from vidra.settings.section import Section


@unique
class AgeBy(StrEnum):
    """Which date an item's age is counted from."""

    UPLOAD = "upload"
    """The day it was published; an item without one is as old as its download."""
    DOWNLOAD = "download"
    """The day it was downloaded."""


class RetentionSettings(Section):
    """Which items may go. Every bound that is set holds; an item goes if any of them says so.

    ```yaml
    retention:
      max_age_days: 365
      age_by: upload
      max_items: 200
      max_bytes: 500GB
      free_space: 50GB
      keep: ["*favourite*", "Season 2019/*"]
    ```

    The oldest go first. `keep` protects; `vidra retention plan` shows what would go and why.
    """

    max_age_days: Annotated[int, Field(ge=1, le=36_500), Accepts("days, 1 or more")] | None = Field(
        default=None, description="Items older than this many days go."
    )
    age_by: AgeBy = Field(
        default=AgeBy.UPLOAD,
        description="Date that age and order go by: `upload` (when published) or `download`.",
    )
    max_items: Annotated[int, Field(ge=1, le=1_000_000), Accepts("a whole number, 1 or more")] | None = Field(
        default=None, description="Only so many of the newest items stay."
    )
    max_bytes: Bytes | None = Field(
        default=None, description="The oldest items go until all files together are no larger than this."
    )
    free_space: Bytes | None = Field(
        default=None, description="The oldest items go until the file system has this much room."
    )
    keep: Annotated[tuple[NonEmptyStr, ...], Accepts("a list of patterns such as `*favourite*`")] = Field(
        default=(),
        description="Items never removed: patterns (`*`, `?`, `[]`) matched with the title, the file's name "
        "and its path below the library, in any case.",
    )
    keep_newest: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        default=0, description="This many of the newest items stay whatever the other bounds say."
    )

    @field_validator("max_bytes")
    @classmethod
    def _some_bytes(cls, value: int | None) -> int | None:
        if value == 0:
            raise ValueError("expected more than 0 bytes; leave the key out for no bound")
        return value

    @property
    def is_bounded(self) -> bool:
        """Whether anything would ever go."""
        bounds = (self.max_age_days, self.max_items, self.max_bytes, self.free_space)
        return any(bound is not None for bound in bounds)
