"""Turns merged, checked options into what a media session needs: yt-dlp parameters and our own decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from vidra.errors import OptionRefused, PathRefused
from vidra.media.naming import check_template, confined
from vidra.media.options.criteria import criteria_params
from vidra.media.options.model import MediaOptions
from vidra.media.options.processing import cover_problem, postprocessors, subtitle_params, thumbnail_params
from vidra.media.options.selection import format_selection, wants_only_audio
from vidra.media.options.table import OPTIONS
from vidra.media.publication import Publication

DEFAULT_OUTPUT = "%(title)s [%(id)s].%(ext)s"
_KEPT_KINDS = frozenset({"home", "output", "download"})

SAFE_PARAMS: Mapping[str, Any] = MappingProxyType(
    {
        "socket_timeout": 20,  # seconds; without one, a silent server holds a worker for ever
        "retries": 10,
        "fragment_retries": 10,
        "extractor_retries": 3,
        "file_access_retries": 3,
        "skip_unavailable_fragments": False,
        "ignoreerrors": False,  # each entry fails alone, and we see how
        "external_downloader": {"default": "native"},
        "hls_prefer_native": True,
        "cachedir": False,
        "remote_components": (),
        "enable_file_urls": False,
        "usenetrc": False,
        "updatetime": False,
        "fixup": "detect_or_warn",
    }
)
"""What every download starts from; the merged options come on top where the table maps them."""


def compose(values: Mapping[str, Any], *, roots: Sequence[Path], notes: tuple[str, ...]) -> MediaOptions:
    """Return the media options; raises OptionRefused for values that only make sense together."""
    problem = cover_problem(values) if values.get("embed_thumbnail") else None
    home, path_notes = _target_folder(values, roots)
    return MediaOptions(
        ydl_params=_params(values),
        output_template=check_template(values["output"]) if values.get("output") else DEFAULT_OUTPUT,
        home=home,
        playlist=values.get("playlist"),
        playlist_items=_playlist_items(values),
        is_audio=wants_only_audio(values),
        publication=Publication.of(values),
        overwrite=bool(values.get("force_overwrites")),
        stop_on_error=bool(values.get("abort_on_error")) or values.get("ignore_errors") is False,
        break_on_existing=bool(values.get("break_on_existing")),
        skip_after_errors=values.get("skip_playlist_after_errors"),
        max_downloads=values.get("max_downloads"),
        reverse=bool(values.get("playlist_reverse")),
        shuffle=bool(values.get("playlist_random")),
        match_filters=values.get("match_filter") or (),
        notes=(*notes, *path_notes, *([f"the thumbnail is not embedded: {problem}"] if problem else [])),
        values=dict(values),
    )


def _params(values: Mapping[str, Any]) -> dict[str, Any]:
    direct = {
        row.param: values[name]
        for name, row in OPTIONS.items()
        if row.param is not None and values.get(name) is not None
    }
    selection = format_selection(values)
    listing = _playlist_items(values)
    return {
        **SAFE_PARAMS,
        **direct,
        **subtitle_params(values),
        **thumbnail_params(values),
        **criteria_params(values),
        **({"format": selection} if selection else {}),
        **({"playlist_items": listing} if listing else {}),
        **({"noplaylist": not values["playlist"]} if values.get("playlist") is not None else {}),
        "writeinfojson": bool(values.get("write_info_json")),
        "writedescription": bool(values.get("write_description")),
        "skip_unavailable_fragments": values.get("abort_on_unavailable_fragments") is False,
        "postprocessors": postprocessors(values),
    }


def _playlist_items(values: Mapping[str, Any]) -> str | None:
    named: str | None = values.get("playlist_items")
    if named:
        return "".join(named.split())
    first, last = values.get("playlist_start"), values.get("playlist_end")
    if first is None and (last is None or last == -1):
        return None
    return f"{first or 1}:{'' if last in (None, -1) else last}"


def _target_folder(values: Mapping[str, Any], roots: Sequence[Path]) -> tuple[Path | None, list[str]]:
    folders: Mapping[str, str] = values.get("paths") or {}
    notes = [
        f"folder for `{kind}` was left unused: everything of a download lies together"
        for kind in folders
        if kind not in _KEPT_KINDS
    ]
    chosen = next((folders[kind] for kind in ("home", "output", "download") if folders.get(kind)), None)
    chosen = chosen or values.get("output_dir")
    return (None if chosen is None else _inside(chosen, roots)), notes


def _inside(chosen: str, roots: Sequence[Path]) -> Path:
    """Return the chosen folder if it lies in a root; a relative one is below the library."""
    folder = Path(chosen).expanduser()
    candidates = [root for root in roots if folder.is_absolute()] or list(roots[:1])
    for root in candidates:
        place = folder if folder.is_absolute() else root / folder
        if place.resolve() == root.resolve():
            return root.resolve()
        try:
            return confined(place, root)
        except PathRefused:
            continue
    raise OptionRefused(
        "paths.home",
        f"expected a folder inside {', '.join(map(str, roots)) or 'a configured root'}, got {chosen!r}",
        value=chosen,
        remedy="the owner can add it to `downloads.roots`",
    )
