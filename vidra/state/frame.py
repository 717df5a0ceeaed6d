"""One transaction as one checked line of a journal file, and how a stretch of such lines is read.

A line is `crc32 space json newline`: eight hexadecimal digits over the JSON text, which is
`[seq, [[table, id, document-or-null], ...]]`. Being one line is what makes a transaction atomic.
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

Document = dict[str, Any]
Tables = dict[str, dict[int, Document]]
Operation = tuple[str, int, Mapping[str, Any] | None]
"""Table, document id, and the whole new document or None for a removal."""

CRC_DIGITS = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """A transaction read back; `start` and `end` are its byte range in the file."""

    seq: int
    operations: Sequence[tuple[str, int, Document | None]]
    crc: bytes
    start: int
    end: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Scan:
    """What a stretch of journal holds.

    `end` is the offset behind the last good frame. What follows is `tail`: empty, or torn (the
    rest of an append that never finished), or `damaged`, when a good line follows a bad one.
    """

    frames: Sequence[Frame]
    end: int
    tail: bytes
    damaged: bool


def encode(seq: int, operations: Sequence[Operation]) -> bytes:
    """Return the line for a transaction; raise `TypeError` for what JSON cannot hold."""
    text = orjson.dumps([seq, operations])
    return b"%08x %b\n" % (binascii.crc32(text), text)


def decode(line: bytes, start: int = 0) -> Frame | None:
    """Return the frame of a line without its newline, or None if it is not what was written."""
    crc, text = line[:CRC_DIGITS], line[CRC_DIGITS + 1 :]
    if line[CRC_DIGITS : CRC_DIGITS + 1] != b" " or crc != b"%08x" % binascii.crc32(text):
        return None
    try:
        seq, operations = orjson.loads(text)
    except (orjson.JSONDecodeError, TypeError, ValueError):
        return None
    return Frame(seq=seq, operations=operations, crc=crc, start=start, end=start + len(line) + 1)


def scan(data: bytes, start: int = 0, *, after: int | None = None) -> Scan:
    """Read frames from `data`, which begins at byte `start` of the file.

    `after` is the sequence number that the first frame must follow; a frame out of order is bad.
    """
    frames: list[Frame] = []
    position = 0
    while (newline := data.find(b"\n", position)) >= 0:
        frame = decode(data[position:newline], start + position)
        if frame is None or (after is not None and frame.seq != after + 1):
            break
        frames.append(frame)
        after = frame.seq
        position = newline + 1
    tail = data[position:]
    return Scan(frames=frames, end=start + position, tail=tail, damaged=_holds_good_line(tail))


def _holds_good_line(tail: bytes) -> bool:
    return any(decode(line) is not None for line in tail.split(b"\n")[:-1])
