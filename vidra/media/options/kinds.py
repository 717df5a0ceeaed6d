"""What values an option accepts: each kind turns what was given into one plain form, or says what it wants.

Values come from JSON, YAML, `key=value` on a command line and yt-dlp's own flags, so `"true"`, `"10"`
and `"en,de"` are read like `true`, `10` and a list.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0", ""})
_SIZE = re.compile(r"(?i)(\d{1,15}(?:\.\d{1,6})?)\s*([kmgt]?)i?b?(?:/s)?")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
ENDLESS = 1000
"""What `infinite` retries mean here: an unattended job must come to an end some day."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """A set of values. `read` returns the plain form and raises ValueError for all other values."""

    accepts: str
    """What is accepted, as a clause for an error message."""
    read: Callable[[Any], Any]


def flag(*also: str) -> Kind:
    """Accept yes or no, and the words in `also`."""

    def read(value: Any) -> Any:  # noqa: ANN401 - values of clients are of any type
        return value if isinstance(value, str) and value in also else _flag(value)

    return Kind(accepts=_either("true or false", also), read=read)


def whole(lowest: int, highest: int, *, off: bool = False, endless: bool = False) -> Kind:
    """Accept a whole number within bounds; with `off`, `false` is None; with `endless`, `infinite` too."""

    def read(value: Any) -> int | None:  # noqa: ANN401 - values of clients are of any type
        if off and _is_nothing(value):
            return None
        if endless and (
            value == float("inf") or (isinstance(value, str) and value.lower() in _ENDLESS_WORDS)
        ):
            return ENDLESS
        found: int = _between(_number(value, int), lowest, highest)
        return found

    words = (*(("`infinite`",) if endless else ()), *(("false",) if off else ()))
    return Kind(accepts=_either(f"a whole number from {lowest} to {highest}", words, quoted=False), read=read)


_ENDLESS_WORDS = frozenset({"inf", "infinite"})


def number(lowest: float, highest: float) -> Kind:
    """Accept a number within bounds."""
    return Kind(
        accepts=f"a number from {lowest:g} to {highest:g}",
        read=lambda value: _between(_number(value, float), lowest, highest),
    )


def size(*, what: str = "bytes") -> Kind:
    """Accept an amount such as 500K or 2M, in powers of 1024, as whole bytes; None for an empty one."""

    def read(value: Any) -> int | None:  # noqa: ANN401 - values of clients are of any type
        if _is_nothing(value):
            return None
        match = None if isinstance(value, bool) else _SIZE.fullmatch(str(value).strip())
        if match is None:
            raise ValueError
        amount = int(float(match[1]) * 1024 ** " kmgt".index(match[2].lower() or " "))
        if amount <= 0:
            raise ValueError
        return amount

    return Kind(accepts=f"{what} as a number with K, M or G, for example 500K", read=read)


def choice(*names: str, off: bool = False) -> Kind:
    """Accept one of these words; with `off`, `false` and nothing at all mean None."""

    def read(value: Any) -> str | None:  # noqa: ANN401 - values of clients are of any type
        if off and _is_nothing(value):
            return None
        if not isinstance(value, str) or value.lower() not in names:
            raise ValueError
        return value.lower()

    return Kind(
        accepts=_either(f"one of {', '.join(names)}", ("false",) if off else (), quoted=False), read=read
    )


def text(pattern: str, accepts: str, *, longest: int = 1000) -> Kind:
    """Accept text that matches the whole pattern; None for an empty one or `false`."""
    compiled = re.compile(pattern)

    def read(value: Any) -> str | None:  # noqa: ANN401 - values of clients are of any type
        if _is_nothing(value):
            return None
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            raise ValueError  # noqa: TRY004 - one meaning for all: not accepted
        plain = str(value).strip()
        if len(plain) > longest or not compiled.fullmatch(plain):
            raise ValueError
        return plain

    return Kind(accepts=accepts, read=read)


def words(pattern: str, accepts: str, *, separator: str | None = ",", most: int = 200) -> Kind:
    """Accept a list of texts that each match the whole pattern; one text is split at the separator."""
    compiled = re.compile(pattern)

    def read(value: Any) -> tuple[str, ...]:  # noqa: ANN401 - values of clients are of any type
        if _is_nothing(value):
            return ()
        pieces = _pieces(value, separator)
        if len(pieces) > most or not all(compiled.fullmatch(piece) for piece in pieces):
            raise ValueError
        return tuple(dict.fromkeys(pieces))

    return Kind(accepts=accepts, read=read)


def codes() -> Kind:
    """Accept language codes, or one of the words best, all and none; None when nothing is asked for."""
    listed = words(r"-?[A-Za-z0-9*.^$_-]{1,40}", "")

    def read(value: Any) -> str | tuple[str, ...] | None:  # noqa: ANN401 - values of clients are of any type
        if value is True or value in ("best", "all", "none"):
            return "best" if value is True else str(value)
        found: tuple[str, ...] = listed.read(value)
        return found or None

    return Kind(accepts="best, all, none, a language code such as `en`, or a list of codes", read=read)


def header_map(forbidden: frozenset[str]) -> Kind:
    """Accept names and values of HTTP request headers."""

    def read(value: Any) -> dict[str, str]:  # noqa: ANN401 - values of clients are of any type
        headers = _string_map(value)
        for name, content in headers.items():
            private = name.lower() in forbidden or name.lower().startswith(("ytdl-", "youtubedl-", "proxy-"))
            if private or not _HEADER_NAME.fullmatch(name) or _CONTROL.search(content) or len(content) > 4000:
                raise ValueError
        return headers

    return Kind(
        accepts=f"a map of header names to texts, without {', '.join(sorted(forbidden))}",
        read=read,
    )


def string_map(accepts: str) -> Kind:
    """Accept a map of texts to texts."""
    return Kind(accepts=accepts, read=_string_map)


def list_map(accepts: str) -> Kind:
    """Accept a map of names to maps or lists, passed on as it is: for owners who know what they do."""

    def read(value: Any) -> dict[str, Any]:  # noqa: ANN401 - values of clients are of any type
        if not isinstance(value, Mapping):
            raise ValueError  # noqa: TRY004 - one meaning for all: not accepted
        return dict(value)

    return Kind(accepts=accepts, read=read)


def anything() -> Kind:
    """Accept any value at all: for options that are refused or ignored whatever they hold."""
    return Kind(accepts="nothing", read=lambda value: value)


def is_inert(value: object) -> bool:
    """Whether the value asks for nothing: clients send every option every time, most of them empty."""
    return value is None or value is False or (isinstance(value, (str, list, tuple, dict, set)) and not value)


def _is_nothing(value: object) -> bool:
    return is_inert(value) or (isinstance(value, str) and value.strip().lower() in {"", "false"})


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower() if isinstance(value, (str, int)) else "-"
    if word not in _TRUE | _FALSE:
        raise ValueError
    return word in _TRUE


def _number(value: object, kind: type[int | float]) -> int | float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError  # noqa: TRY004 - one meaning for all: not accepted
    if kind is int and isinstance(value, float) and not value.is_integer():
        raise ValueError
    return kind(value)


def _between(value: float, lowest: float, highest: float) -> Any:  # noqa: ANN401 - int in, int out
    if not lowest <= value <= highest:
        raise ValueError
    return value


def _pieces(value: object, separator: str | None) -> list[str]:
    if isinstance(value, str):
        given: Iterable[object] = value.split(separator) if separator else [value]
    elif isinstance(value, (list, tuple, set, frozenset)):
        given = sorted(value) if isinstance(value, (set, frozenset)) else value
    else:
        raise ValueError  # noqa: TRY004 - one meaning for all: not accepted
    pieces = [piece.strip() for piece in given if isinstance(piece, str)]
    if isinstance(value, (list, tuple)) and len(pieces) != len(value):
        raise ValueError
    return [piece for piece in pieces if piece]


def _string_map(value: object) -> dict[str, str]:
    if is_inert(value):
        return {}
    if not isinstance(value, Mapping) or not all(
        isinstance(key, str) and isinstance(content, str) for key, content in value.items()
    ):
        raise ValueError
    return {key.strip(): content.strip() for key, content in value.items() if content.strip()}


def _either(first: str, others: Iterable[str], *, quoted: bool = True) -> str:
    rest = [f"`{word}`" if quoted else word for word in others]
    return ", ".join([first, *rest[:-1]]) + f" or {rest[-1]}" if rest else first
