"""Download options from the command line: `--option key=value`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from vidra.errors import OptionRefused

_KEY = re.compile(r"[a-z][a-z0-9_]*")


def parse_options(texts: Iterable[str]) -> dict[str, object]:
    """Return options by name; dashes count as underscores, a bare key means true.

    A value that is JSON (`true`, `5`, `["en","de"]`) is taken as such, anything else as text. The
    last one of a key given twice wins. Raises `OptionRefused` for a key that cannot be one.
    """
    options: dict[str, object] = {}
    for text in texts:
        key, separator, value = text.partition("=")
        name = key.strip().replace("-", "_").lower().strip("_")
        if not _KEY.fullmatch(name):
            raise OptionRefused(key, "not a name", value=value, remedy="write `--option key=value`")
        options[name] = _value(value.strip()) if separator else True
    return options


def _value(text: str) -> object:
    try:
        value = json.loads(text, parse_constant=str)
    except ValueError:
        return text
    return text if isinstance(value, str) and not text.startswith('"') else value
