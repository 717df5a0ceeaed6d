"""What one part of a path may look like, on every file system a library may move to."""

from __future__ import annotations

import re
import unicodedata

from vidra.errors import PathRefused

LONGEST_COMPONENT = 200
"""Bytes of UTF-8. File systems allow 255; the rest is for `-thumb.jpg`, `.en-US.vtt`, `.f137.mp4.part` …"""

_REPLACED = str.maketrans(dict.fromkeys('<>:"/\\|?*', "_"))
_RESERVED = re.compile(r"(?i)(?:con|prn|aux|nul|clock\$|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?=\.|$|\s)")
_UNSEEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_JOINERS = frozenset("\u200c\u200d")  # unseen, but they shape Persian, Hindi and emoji: kept inside a name
_ATTACHED_CATEGORIES = frozenset({"Mn", "Mc", "Me"})
_SKIN_TONES = range(0x1F3FB, 0x1F400)


def clean_component(text: str, *, fallback: str = "untitled", limit: int = LONGEST_COMPONENT) -> str:
    """Return a file or folder name made of `text`: harmless everywhere, never empty, at most `limit` bytes.

    Separators and characters that Windows forbids become `_`; control characters and those that turn
    the reading direction disappear; nothing starts like an option or a home folder.
    """
    seen = "".join(char for char in unicodedata.normalize("NFC", text) if _is_seen(char))
    name = _tidy(cut_bytes(_tidy(seen.translate(_REPLACED)), limit))
    if _RESERVED.match(name):
        name = cut_bytes(f"_{name}", limit)
    return name or fallback


def cut_bytes(text: str, limit: int) -> str:
    """Return the longest beginning within `limit` bytes of UTF-8 that tears no visible character apart."""
    if len(text.encode()) <= limit:
        return text
    kept = text.encode()[:limit].decode(errors="ignore")
    whole = len(kept)
    while whole > 0 and (_is_attached(text[whole]) or text[whole - 1] in _JOINERS):
        whole -= 1
    return text[: whole or len(kept)]


def check_plain_name(name: str) -> str:
    """Return the name that a person chose for a file; PathRefused unless it is one harmless component."""
    if not name or name != clean_component(name):
        raise PathRefused(repr(name), None, "a file name must not contain separators or special characters")
    return name


def _is_seen(char: str) -> bool:
    return char in _JOINERS or unicodedata.category(char) not in _UNSEEN_CATEGORIES


def _is_attached(char: str) -> bool:
    """Whether the character belongs to the one before it."""
    return (
        char in _JOINERS
        or unicodedata.category(char) in _ATTACHED_CATEGORIES
        or ord(char) in _SKIN_TONES
        or "\ufe00" <= char <= "\ufe0f"
    )


def _tidy(name: str) -> str:
    """Strip what is troublesome at either end: blanks, dots (hidden files), option dashes, home tildes."""
    before = None
    while before != name:
        before = name
        name = name.strip().rstrip(".").lstrip("-~.")
    return name
