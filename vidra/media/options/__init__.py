"""The policy for download options: what may be asked for, merged and turned into yt-dlp's parameters."""

from vidra.media.options.compose import DEFAULT_OUTPUT, SAFE_PARAMS
from vidra.media.options.model import MediaOptions, OptionLayer, Origin
from vidra.media.options.option import Access, Option
from vidra.media.options.presets import Preset, find_preset, load_presets
from vidra.media.options.resolve import check_options, resolve_options
from vidra.media.options.table import NAMES, OPTIONS, SECRET_OPTIONS

__all__ = [
    "DEFAULT_OUTPUT",
    "NAMES",
    "OPTIONS",
    "SAFE_PARAMS",
    "SECRET_OPTIONS",
    "Access",
    "MediaOptions",
    "Option",
    "OptionLayer",
    "Origin",
    "Preset",
    "check_options",
    "find_preset",
    "load_presets",
    "resolve_options",
]
