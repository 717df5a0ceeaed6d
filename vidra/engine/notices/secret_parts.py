"""What of a secret address must never be shown: everything but its scheme, its host, and plain words."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

_SHORTEST: Final = 8
"""Characters from which on a piece is masked wherever it appears; shorter ones would shred other texts."""
_LONGEST_WORD: Final = 12
"""Letters up to which a piece counts as a word, such as the `services` of a webhook's path."""
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://(?P<rest>.*)\Z", re.IGNORECASE | re.DOTALL)
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,24}\.?\Z")
_BARE_NAME = re.compile(r"[a-z]+(?:-[a-z]+)*\Z")
_SEPARATORS = re.compile(r"[/?&=:@,;#]+")


def secret_parts(value: str) -> frozenset[str]:
    """Return the texts to mask so that the value can be read from nowhere; all of it if it is no address.

    Of an address the host stays readable, where it is one: services such as Telegram's have a token in
    its place, which no domain name looks like.
    """
    address = _ADDRESS.match(value)
    if address is None:
        return frozenset({value, unquote(value)})
    authority, slash, rest = _divided(address["rest"])
    user, at, host = authority.rpartition("@")
    exposed = [user, rest] if _is_host(host) else [user, host, rest]
    whole = {value, slash + rest, user} if at else {value, slash + rest}
    pieces = {piece for text in exposed for piece in _SEPARATORS.split(text) if _tells(piece)}
    found = {one for one in whole if len(one) >= _SHORTEST} | pieces
    return frozenset({*found, *map(unquote, found)})


def _divided(text: str) -> tuple[str, str, str]:
    """Return what stands before the first `/`, `?` or `#`, that sign, and what follows."""
    place = next(_first(text), len(text))
    return text[:place], text[place : place + 1], text[place + 1 :]


def _first(text: str) -> Iterator[int]:
    return (place for place, sign in enumerate(text) if sign in "/?#")


def _is_host(text: str) -> bool:
    """Whether this is the name or number of a machine, with or without a port."""
    host = text
    name, colon, port = text.rpartition(":")
    if colon and port.isdigit() and len(port) <= 5:
        host = name
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return bool(_DOMAIN.match(host) or _BARE_NAME.match(host))
    return True


def _tells(piece: str) -> bool:
    is_word = piece.isascii() and piece.isalpha() and len(piece) <= _LONGEST_WORD
    return len(piece) >= _SHORTEST and not (is_word and piece.islower())
