"""Download options from the command line: `--option key=value`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

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


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What a command line says about the entries of a list."""

    asks: bool = False
    """Whether a person wants to see the list first."""
    places: str | None = None
    """`1-3,7` or `all`, as it was typed; None: nothing was said."""
