"""Reads what a Matroska or WebM file says about itself, without running a program.

Source of the layout: RFC 8794 (EBML) and RFC 9559 (Matroska).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from typing import Final

from vidra.media.mp4 import Contents

_EBML, _SEGMENT, _CLUSTER = 0x1A45DFA3, 0x18538067, 0x1F43B675
_INFO, _TIMESTAMP_SCALE, _DURATION = 0x1549A966, 0x2AD7B1, 0x4489
_TRACKS, _TRACK_ENTRY, _TRACK_TYPE = 0x1654AE6B, 0xAE, 0x83
_VIDEO, _AUDIO = 1, 2
_DEFAULT_SCALE: Final = 1_000_000
"""Nanoseconds a tick."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Element:
    id: int
    start: int
    end: int | None
    """As declared; None for `unknown size`, which live recordings have."""


def read_matroska(file: BufferedReader) -> Contents | None:
    """Return the contents; None if this is no Matroska file."""
    size = os.fstat(file.fileno()).st_size
    top = list(_elements(file, 0, size))
    segment = next((element for element in top if element.id == _SEGMENT), None)
    if not top or top[0].id != _EBML or segment is None:
        return None
    duration: float | None = None
    kinds: set[int] = set()
    for element in _elements(file, segment.start, min(size, segment.end or size)):
        if element.id == _INFO:
            duration = _seconds(file, element)
        elif element.id == _TRACKS:
            kinds = _track_kinds(file, element)
        elif element.id == _CLUSTER and kinds:
            break  # what follows is media
    return Contents(
        duration=duration,
        has_video=_VIDEO in kinds,
        has_audio=_AUDIO in kinds,
        missing=max(0, (segment.end or size) - size),
    )


def _elements(file: BufferedReader, start: int, end: int) -> Iterator[_Element]:
    while start < end:
        file.seek(start)
        identity = _number(file, keep_marker=True)
        length = _number(file, keep_marker=False)
        if identity is None or length is None:
            return
        payload = file.tell()
        yield _Element(id=identity[0], start=payload, end=None if length[1] else payload + length[0])
        if length[1]:
            return
        start = payload + length[0]


def _number(file: BufferedReader, *, keep_marker: bool) -> tuple[int, bool] | None:
    """Return a variable-length number and whether all its bits are ones (`unknown`)."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    length = 9 - first[0].bit_length()
    rest = file.read(length - 1)
    value = int.from_bytes(first + rest, "big")
    bare = value & ((1 << (7 * length)) - 1)
    return (value if keep_marker else bare), bare == (1 << (7 * length)) - 1


def _children(file: BufferedReader, parent: _Element) -> Iterator[_Element]:
    return _elements(file, parent.start, parent.end or parent.start)


def _body(file: BufferedReader, element: _Element) -> bytes:
    file.seek(element.start)
    return file.read(min(16, (element.end or element.start) - element.start))


def _seconds(file: BufferedReader, info: _Element) -> float | None:
    scale, ticks = _DEFAULT_SCALE, None
    for element in _children(file, info):
        if element.id == _TIMESTAMP_SCALE:
            scale = int.from_bytes(_body(file, element), "big")
        elif element.id == _DURATION:
            body = _body(file, element)
            ticks = struct.unpack(">d" if len(body) == 8 else ">f", body)[0]
    return ticks * scale / 1e9 if ticks else None


def _track_kinds(file: BufferedReader, tracks: _Element) -> set[int]:
    return {
        int.from_bytes(_body(file, field), "big")
        for entry in _children(file, tracks)
        if entry.id == _TRACK_ENTRY
        for field in _children(file, entry)
        if field.id == _TRACK_TYPE
    }
