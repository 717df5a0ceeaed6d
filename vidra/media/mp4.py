"""Reads what an MP4 (MOV, M4A, fragmented or not) says about itself, without running a program.

Source of the layout: ISO/IEC 14496-12. Only box headers and a few small boxes are read.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from typing import Final

LARGEST_MOOV: Final = 64 * 1024 * 1024
"""Bytes; a larger index is not read."""
_VIDEO, _AUDIO = b"vide", b"soun"


@dataclass(frozen=True, kw_only=True, slots=True)
class Contents:
    """What a container holds."""

    duration: float | None
    """Seconds; None if the container does not say."""
    has_video: bool
    has_audio: bool
    missing: int = 0
    """Bytes that its own structure promises beyond the end of the file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """One box of a file."""

    kind: bytes
    head: int
    """Where its header begins."""
    start: int
    """Of the payload."""
    end: int
    """As declared; beyond the end of the file if that is truncated."""


def read_mp4(file: BufferedReader) -> Contents | None:
    """Return the contents; None if this is no MP4, or one whose index is missing."""
    size = os.fstat(file.fileno()).st_size
    found = list(boxes(file, 0, size))
    moov = next((box for box in found if box.kind == b"moov"), None)
    if (
        not found
        or found[0].kind not in {b"ftyp", b"moov", b"styp", b"wide", b"free", b"mdat"}
        or moov is None
    ):
        return None
    handlers = {kind for trak in _inside(file, moov, b"trak") for kind in _handlers(file, trak)}
    fragments = any(box.kind == b"moof" for box in found)
    return Contents(
        duration=_fragmented_duration(file, moov) if fragments else _duration(file, moov),
        has_video=_VIDEO in handlers,
        has_audio=_AUDIO in handlers,
        missing=max(0, max(box.end for box in found) - size),
    )


def boxes(file: BufferedReader, start: int, end: int) -> Iterator[Box]:
    """Walk sibling boxes; stops at what is no box header."""
    while start + 8 <= end:
        file.seek(start)
        length, kind = struct.unpack(">I4s", file.read(8))
        payload = start + 8
        if length == 1:
            large = file.read(8)
            if len(large) < 8:
                return
            length, payload = struct.unpack(">Q", large)[0], start + 16
        stop = end if length == 0 else start + length
        if stop < payload or not all(32 <= byte < 127 or byte == 0xA9 for byte in kind):
            return
        yield Box(kind=kind, head=start, start=payload, end=stop)
        start = stop


def _inside(file: BufferedReader, box: Box, kind: bytes) -> list[Box]:
    if box.end - box.start > LARGEST_MOOV:
        return []
    return [child for child in boxes(file, box.start, box.end) if child.kind == kind]


def _handlers(file: BufferedReader, trak: Box) -> Iterator[bytes]:
    for mdia in _inside(file, trak, b"mdia"):
        for hdlr in _inside(file, mdia, b"hdlr"):
            file.seek(hdlr.start + 8)
            yield file.read(4)


def _duration(file: BufferedReader, moov: Box) -> float | None:
    for mvhd in _inside(file, moov, b"mvhd"):
        file.seek(mvhd.start)
        body = file.read(32)
        if len(body) < 32:
            return None
        scale, length = (
            struct.unpack(">IQ", body[20:32]) if body[0] == 1 else struct.unpack(">II", body[12:20])
        )
        return length / scale if scale and length else None
    return None


def _fragmented_duration(file: BufferedReader, moov: Box) -> float | None:
    """`mehd` carries what `mvhd` leaves at zero in a fragmented file, if its writer knew."""
    whole = _duration(file, moov)
    if whole:
        return whole
    for mvex in _inside(file, moov, b"mvex"):
        for mehd in _inside(file, mvex, b"mehd"):
            file.seek(mehd.start)
            body = file.read(12)
            length = struct.unpack(">Q", body[4:12])[0] if body[0] == 1 else struct.unpack(">I", body[4:8])[0]
            scale = _timescale(file, moov)
            return length / scale if scale else None
    return None


def _timescale(file: BufferedReader, moov: Box) -> int:
    for mvhd in _inside(file, moov, b"mvhd"):
        file.seek(mvhd.start)
        body = file.read(32)
        return int(struct.unpack(">I", body[20:24] if body[0] == 1 else body[12:16])[0])
    return 0
