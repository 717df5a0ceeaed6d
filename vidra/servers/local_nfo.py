"""NFO files beside media: Kodi's XML, of which we read what we show."""

from __future__ import annotations

import logging
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LARGEST: Final = 1024 * 1024
_DECLARATION: Final = re.compile(rb"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Nfo:
    """What the file says; None or empty where it says nothing."""

    title: str | None = None
    summary: str | None = None
    year: int | None = None
    released: str | None = None
    duration_ms: int | None = None
    season: int | None = None
    episode: int | None = None
    genres: tuple[str, ...] = ()
    guids: tuple[str, ...] = ()


def read_nfo(path: Path) -> Nfo | None:
    """Return what the NFO file says, or None if there is none or it is no XML of a sane size.

    Files with declarations are refused: they are how XML reads other files and eats memory. One that
    cannot be read costs its facts, with a warning, and not the library.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except FileNotFoundError:
        return None
    except OSError as exc:
        _log.warning("%s: not read: %s", path, exc)
        return None
    if len(data) > LARGEST or _DECLARATION.search(data):
        _log.warning("%s: not read: over %d bytes, or with XML declarations of its own", path, LARGEST)
        return None
    try:
        return _from(ET.fromstring(data))  # noqa: S314 - declarations were refused above
    except ET.ParseError as exc:
        _log.warning("%s: not read: %s", path, exc)
        return None


def _from(root: ET.Element) -> Nfo:
    minutes = _integer(root, "runtime")
    return Nfo(
        title=_text(root, "title"),
        summary=_text(root, "plot") or _text(root, "outline"),
        year=_integer(root, "year"),
        released=_text(root, "premiered") or _text(root, "aired"),
        duration_ms=None if minutes is None else minutes * 60_000,
        season=_integer(root, "season"),
        episode=_integer(root, "episode"),
        genres=tuple(text for element in root.findall("genre") if (text := (element.text or "").strip())),
        guids=tuple(_guids(root)),
    )


def _guids(root: ET.Element) -> list[str]:
    pairs = ((element.get("type"), (element.text or "").strip()) for element in root.findall("uniqueid"))
    return [f"{kind.lower()}://{value}" for kind, value in pairs if kind and value]


def _text(root: ET.Element, tag: str) -> str | None:
    return (root.findtext(tag) or "").strip() or None


def _integer(root: ET.Element, tag: str) -> int | None:
    text = _text(root, tag)
    return int(text) if text is not None and text.isdecimal() else None
