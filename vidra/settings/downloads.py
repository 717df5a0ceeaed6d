"""Where downloads go and how hard Vidra tries."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import platformdirs
from pydantic import ByteSize, Field

from vidra.settings.constraints import (
    Accepts,
    Bytes,
    LocalPath,
    NonEmptyStr,
    Number,
    OptionMap,
    OptionName,
    OutputTemplate,
    Seconds,
    Timeout,
)
from vidra.settings.section import Section


class DownloadSettings(Section):
    """The library, the defaults of a download, and the patience with sites.

    ```yaml
    downloads:
      library: /srv/media/videos
      preset: archive
      concurrency: 4
      options:
        ratelimit: 2M
    ```
    """

    library: LocalPath = Field(
        default_factory=lambda: Path(platformdirs.user_downloads_dir()) / "Vidra",
        description="Root folder downloads are put into.",
        json_schema_extra={"x-default": "`Vidra` in the user's downloads folder"},
    )
    roots: Annotated[tuple[LocalPath, ...], Accepts("a list of folders")] = Field(
        default_factory=lambda: (Path(platformdirs.user_downloads_dir()),),
        description="Further folders a job may choose as its target; everything else is refused. "
        "The Vidra client names the user's downloads folder with each job.",
        json_schema_extra={"x-default": "the user's downloads folder"},
    )
    temp_dir: LocalPath | None = Field(
        default=None,
        description="Folder for unfinished files; empty means `.vidra-partial` in the target root, "
        "so that finishing is a rename on one file system.",
    )
    preset: NonEmptyStr = Field(default="best-video", description="Preset of jobs that name none.")
    output: OutputTemplate = Field(
        default="%(title)s [%(id)s].%(ext)s",
        description="Output template of jobs and presets that name none.",
    )
    concurrency: Annotated[int, Field(ge=1, le=64)] = Field(
        default=8, description="Files downloaded at the same time by one job."
    )
    processes: Annotated[int, Field(ge=0, le=64)] = Field(
        default_factory=lambda: 2 * (os.cpu_count() or 1),
        description="Processes beside its own in which a run of subscriptions downloads; each takes 40 MB.",
        json_schema_extra={"x-default": "twice the number of processors"},
    )
    entry_timeout: Timeout = Field(
        default=21_600.0, description="Seconds one entry may take before it fails."
    )
    free_space_floor: Bytes = Field(
        default=ByteSize(500_000_000),
        description="Room that must stay free on the target and temporary file systems.",
    )
    retries: Annotated[int, Field(ge=0, le=20)] = Field(
        default=4,
        description="Further tries of an entry after passing trouble (429, 5xx, broken connections).",
    )
    retry_delay: Seconds = Field(default=5.0, description="Seconds before the first further try.")
    retry_backoff: Annotated[Number, Field(ge=1, le=10)] = Field(
        default=2.0, description="Factor by which the delay grows with every try."
    )
    retry_jitter: Annotated[Number, Field(ge=0, le=1)] = Field(
        default=0.5, description="Largest random part added to a delay, as a share of it."
    )
    retry_delay_max: Seconds = Field(
        default=300.0, description="Longest delay in seconds that backing off reaches."
    )
    retry_after_cap: Seconds = Field(
        default=900.0,
        description="Longest time in seconds that a run waits for a site; beyond it the entry is put off.",
    )
    options: OptionMap = Field(
        default_factory=dict,
        description="yt-dlp options of every download, API names; a job's own options win over them.",
    )
    allow_options: Annotated[tuple[OptionName, ...], Accepts("a list of yt-dlp option names")] = Field(
        default=(),
        description="Options beyond the safe list that you allow, by name, in jobs from clients too.",
    )
    write_archive: bool = Field(
        default=True, description="Record downloads in the archive, and skip what it already has."
    )

    @property
    def allowed_roots(self) -> tuple[Path, ...]:
        """The library and the further roots, in that order, each once."""
        return tuple(dict.fromkeys((self.library, *self.roots)))
