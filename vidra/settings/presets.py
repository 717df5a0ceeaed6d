"""Presets of the owner, beside those that ship with Vidra."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from vidra.settings.constraints import NonEmptyStr, OptionMap, OutputTemplate
from vidra.settings.section import Section


class PresetSettings(Section):
    """A named set of download options; one with the name of a shipped preset replaces it.

    ```yaml
    presets:
      talks:
        description: Talks, small enough for the tablet
        extends: best-video
        options:
          format_sort: ["res:720"]
        output: "talks/%(upload_date)s %(title)s [%(id)s].%(ext)s"
    ```
    """

    description: str = Field(default="", description="What the preset is for, in one sentence.")
    extends: NonEmptyStr | None = Field(default=None, description="Preset whose options come first.")
    options: OptionMap = Field(default_factory=dict, description="yt-dlp options, API names.")
    output: OutputTemplate | None = Field(
        default=None,
        description="Output template; empty means that of the extended preset, or `downloads.output`.",
    )


PresetName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
