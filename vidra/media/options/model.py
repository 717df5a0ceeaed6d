"""What goes into the option policy and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum, unique
from pathlib import Path
from typing import Any

from vidra.media.options.table import OPTIONS
from vidra.media.publication import Publication
from vidra.redaction import MASK


@unique
class Origin(StrEnum):
    """Where a layer of options comes from; later ones win. Only a job's are not the owner's own."""

    PRESET = "preset"
    OWNER = "owner"
    JOB = "job"


@dataclass(frozen=True, kw_only=True, slots=True)
class OptionLayer:
    """Options from one place, by any of their names, unchecked.

    Two names are special: `cli` (a string) and `cli_args` (a list) hold yt-dlp's command-line flags.
    """

    origin: Origin
    values: Mapping[str, Any]
    output: str | None = None
    """Output template of this layer, as if it were the option `output`."""
    beneath: OptionLayer | None = None
    """Layer that this one builds on; applied just before it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MediaOptions:
    """A checked and merged set of download options, ready for a media session."""

    ydl_params: Mapping[str, Any]
    """Parameters for `YoutubeDL`; without hooks, templates, paths, logger and archive."""
    output_template: str
    """yt-dlp output template of the media file, relative to the target folder."""
    home: Path | None = None
    """Folder the job chose; inside a configured root. None means the library."""
    playlist: bool | None = None
    """Whether an address that is both is taken as a list; None leaves it to the caller."""
    playlist_items: str | None = None
    """Places in a list, in yt-dlp's grammar, such as `1-3,7`."""
    is_audio: bool = False
    """Only sound is wanted."""
    publication: Publication = field(default_factory=Publication)
    """How it is laid out for a media server."""
    overwrite: bool = False
    """A file that an earlier download of the same video left may be replaced."""
    stop_on_error: bool = False
    """The first failed entry of a list ends the job."""
    break_on_existing: bool = False
    """The first entry of a list that the archive has ends the listing."""
    skip_after_errors: int | None = None
    """So many failed entries of a list end the job."""
    max_downloads: int | None = None
    reverse: bool = False
    """Entries of a list are taken from its end."""
    shuffle: bool = False
    """Entries of a list are taken in random order."""
    match_filters: tuple[str, ...] = ()
    """yt-dlp filter expressions, one of which must hold; also in `ydl_params` as a function."""
    notes: tuple[str, ...] = ()
    """What was left unused and why; for the job's log."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """The merged options by their own names, in plain form. Holds secrets: show `to_json()` instead."""

    def to_json(self) -> dict[str, Any]:
        """Return the merged options for showing and storing: secrets masked, JSON types only."""
        return {name: _shown(name, value) for name, value in sorted(self.values.items())}


def _shown(name: str, value: object) -> object:
    if not OPTIONS[name].secret or not value:
        return list(value) if isinstance(value, tuple) else value
    return dict.fromkeys(value, MASK) if isinstance(value, dict) else MASK
