"""Checks options against the allow-list and merges their layers: preset, then owner, then job."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, assert_never

from vidra.errors import OptionRefused
from vidra.media.options.compose import compose
from vidra.media.options.flags import read_flags
from vidra.media.options.kinds import is_inert
from vidra.media.options.model import MediaOptions, OptionLayer, Origin
from vidra.media.options.option import Access, Option, plain_name
from vidra.media.options.table import NAMES
from vidra.redaction import MASK, redact

_NATIVE = "native"
_FLAG_NAMES = frozenset({"cli", "cli_args"})


def resolve_options(
    *layers: OptionLayer, allow: Collection[str] = (), roots: Sequence[Path] = ()
) -> MediaOptions:
    """Return the merged options of the layers; later ones win, name by name.

    `allow` are owner-only options that jobs may use (`downloads.allow_options`); `roots` are the
    folders a job may choose as its target, the library first. Raises OptionRefused for the first
    option that is unknown, closed, or has a value that is not accepted; it names all four.
    """
    merge = _Merge(allow=_allowed_rows(allow))
    for layer in layers:
        merge.add(layer)
    return compose(merge.values, roots=roots, notes=tuple(dict.fromkeys(merge.notes)))


def check_options(values: Mapping[str, Any], *, allow: Collection[str] = ()) -> tuple[str, ...]:
    """Check a job's options by themselves and return the notes; raises OptionRefused like resolving."""
    return resolve_options(OptionLayer(origin=Origin.JOB, values=values), allow=allow).notes


@dataclass(kw_only=True)
class _Merge:
    allow: frozenset[str]
    values: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, layer: OptionLayer) -> None:
        if layer.beneath is not None:
            self.add(layer.beneath)
        given = dict(_flattened(layer))
        for key, value in given.items():
            self._take(key, value, layer.origin)

    def _take(self, key: str, value: object, origin: Origin) -> None:
        row = NAMES.get(plain_name(key))
        if row is None:
            self._take_unknown(key, value)
            return
        match row.access:
            case Access.IGNORED:
                self._note(row, value)
            case Access.NEVER:
                if not is_inert(value) and not _is_native(key, value):
                    raise _closed(row, key, value)
            case Access.OWNER | Access.ALLOWED:
                self._accept(row, key, value, origin)
            case _:
                assert_never(row.access)

    def _accept(self, row: Option, key: str, value: object, origin: Origin) -> None:
        if row.access is Access.OWNER and origin is Origin.JOB and row.name not in self.allow:
            if not is_inert(value):
                raise _closed(row, key, value)
            return
        plain = _read(row, key, value)
        if origin is Origin.JOB and plain in row.owner_only_values and row.name not in self.allow:
            return
        self.values[row.name] = plain

    def _take_unknown(self, key: str, value: object) -> None:
        if not is_inert(value):
            raise _unknown(key, value)
        self.notes.append(f"option `{key}` is unknown and was left unused")

    def _note(self, row: Option, value: object) -> None:
        if not is_inert(value):
            self.notes.append(f"option `{row.name}` was left unused: {row.reason}")


def _flattened(layer: OptionLayer) -> Iterator[tuple[str, object]]:
    """Yield the options of a layer: flags first, so that what is written out by name wins."""
    for key, value in layer.values.items():
        if plain_name(key) in _FLAG_NAMES and not is_inert(value):
            yield from read_flags(value).items()
    if layer.output is not None:
        yield "output", layer.output
    yield from ((key, value) for key, value in layer.values.items() if plain_name(key) not in _FLAG_NAMES)


def _read(row: Option, key: str, value: object) -> object:
    try:
        plain = row.kind.read(_unwrapped(row, value))
    except (ValueError, TypeError) as error:
        shown = MASK if row.secret else value
        raise OptionRefused(key, f"expected {row.kind.accepts}, got {_short(shown)}", value=shown) from error
    return (not plain) if plain_name(key) in row.inverse else plain


def _unwrapped(row: Option, value: object) -> object:
    """Take the one template out of yt-dlp's map of templates."""
    if row.name == "output" and isinstance(value, Mapping) and set(value) <= {"default"}:
        return value.get("default")
    return value


def _allowed_rows(allow: Collection[str]) -> frozenset[str]:
    for name in allow:
        row = NAMES.get(plain_name(name))
        if row is None:
            raise _unknown(name, None)
        if row.access is Access.NEVER:
            raise OptionRefused(
                name, f"nobody can allow it: {row.reason}", remedy="take it out of allow_options"
            )
    return frozenset(NAMES[plain_name(name)].name for name in allow)


def _closed(row: Option, key: str, value: object) -> OptionRefused:
    remedy = row.remedy
    if row.access is Access.OWNER:
        remedy = f"the owner can allow it with `downloads.allow_options: [{row.name}]`"
    shown = MASK if row.secret else value
    return OptionRefused(
        key, f"{row.reason}; got {_short(shown)}, accepted is nothing", value=shown, remedy=remedy
    )


def _unknown(key: str, value: object) -> OptionRefused:
    near = difflib.get_close_matches(plain_name(key), NAMES, n=1)
    remedy = f"did you mean `{near[0]}`?" if near else "docs/options.md lists those there are"
    # A misspelt password is still a password.
    shown = MASK if near and NAMES[near[0]].secret else value
    return OptionRefused(key, f"not a supported option; got {_short(shown)}", value=shown, remedy=remedy)


def _is_native(key: str, value: object) -> bool:
    """Whether a downloader option asks for what is done anyway."""
    if plain_name(key) not in {"external_downloader", "downloader"}:
        return False
    named = value.values() if isinstance(value, Mapping) else [value]
    return all(name == _NATIVE for name in named)


def _short(value: object) -> str:
    text = redact(repr(value))
    return text if len(text) <= 80 else f"{text[:77]}..."
