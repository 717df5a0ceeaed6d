"""Writes tags into an MP4 file by itself: what takes ffmpeg a start and a remux takes a copy of the bytes.

The tags are those ffmpeg's own muxer would write, under the same names (`libavformat/movenc.c`,
`mov_write_ilst_tag`); the layout is Apple's metadata item list inside ISO/IEC 14496-12's `udta`. The
index goes in front of the media, as `-movflags +faststart` has it.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Callable, Iterator, Mapping
from io import BufferedReader, BufferedWriter
from pathlib import Path
from typing import Final

from vidra.media.mp4 import LARGEST_MOOV, Box, boxes

_TEXTS: Final[Mapping[str, bytes]] = {
    "title": b"\xa9nam", "artist": b"\xa9ART", "album_artist": b"aART", "composer": b"\xa9wrt",
    "album": b"\xa9alb", "date": b"\xa9day", "comment": b"\xa9cmt", "genre": b"\xa9gen",
    "copyright": b"cprt", "grouping": b"\xa9grp", "lyrics": b"\xa9lyr", "description": b"desc",
    "synopsis": b"ldes", "show": b"tvsh", "episode_id": b"tven", "network": b"tvnn", "keywords": b"keyw",
}  # fmt: skip
_PLACES: Final[Mapping[str, bytes]] = {"track": b"trkn", "disc": b"disk"}
_NUMBERS: Final[Mapping[str, bytes]] = {"episode_sort": b"tves", "season_number": b"tvsn"}
_TEXT, _BINARY, _INTEGER = 1, 0, 0x15
"""Kinds of data in an item: UTF-8, no kind at all, a signed number."""
_HANDLER: Final = struct.pack(">IIII", 0, 0, int.from_bytes(b"mdir"), int.from_bytes(b"appl")) + bytes(9)
_KNOWN: Final = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide"})
_CHUNK: Final = 1 << 20
_MOST: Final = (1 << 32) - 1


class NotForUsError(Exception):
    """A file of a kind, or a wish, that is better left to ffmpeg."""


def write_tags(
    source: Path,
    target: Path,
    tags: Mapping[str, str],
    *,
    languages: Mapping[int, str],
    breathe: Callable[[], None],
) -> None:
    """Copy the file with these tags; an empty one takes an old one out.

    Names that MP4 has no place for are left out. `languages` are ISO 639-2 codes by number of the
    stream. `breathe` is called between pieces of the copy and may raise. Raises `NotForUsError`, before
    anything is written, for fragmented and odd files.
    """
    with source.open("rb") as reader:
        size = os.fstat(reader.fileno()).st_size
        found = list(boxes(reader, 0, size))
        moov, media = _only(found, b"moov"), _only(found, b"mdat")
        if (
            {box.kind for box in found} - _KNOWN
            or found[-1].end != size
            or moov.end - moov.start > LARGEST_MOOV
        ):
            raise NotForUsError
        first = found[0] if found[0].kind == b"ftyp" else None
        head = _bytes_of(reader, first) if first else b""
        index = _tagged(_payload(reader, moov), tags, languages)
        shift = len(head) + 8 + len(index) - media.head
        _shift_chunks(index, media, shift)
        with target.open("wb") as writer:
            writer.write(head + _box(b"moov", index))
            _copy(reader, writer, media, breathe)


def _only(found: list[Box], kind: bytes) -> Box:
    chosen = [box for box in found if box.kind == kind]
    if len(chosen) != 1:
        raise NotForUsError
    return chosen[0]


def _payload(reader: BufferedReader, box: Box) -> bytes:
    reader.seek(box.start)
    return reader.read(box.end - box.start)


def _bytes_of(reader: BufferedReader, box: Box) -> bytes:
    reader.seek(box.head)
    return reader.read(box.end - box.head)


def _copy(reader: BufferedReader, writer: BufferedWriter, box: Box, breathe: Callable[[], None]) -> None:
    reader.seek(box.head)
    left = box.end - box.head
    while left and (piece := reader.read(min(_CHUNK, left))):
        writer.write(piece)
        left -= len(piece)
        breathe()


def _box(kind: bytes, payload: bytes | bytearray) -> bytes:
    return struct.pack(">I4s", 8 + len(payload), kind) + payload


def _children(payload: bytes) -> list[tuple[bytes, bytes]]:
    return [(box.kind, payload[box.start : box.end]) for box in _siblings(payload, 0, len(payload))]


def _tagged(moov: bytes, tags: Mapping[str, str], languages: Mapping[int, str]) -> bytearray:
    """Return the index with the tags, and its tracks with their languages."""
    children = _children(moov)
    kinds = [kind for kind, _ in children]
    if b"mvex" in kinds or b"cmov" in kinds or kinds.count(b"udta") > 1:
        raise NotForUsError
    rest = [(kind, payload) for kind, payload in children if kind != b"udta"]
    index, stream = bytearray(), 0
    for kind, payload in rest:
        language = languages.get(stream) if kind == b"trak" else None
        stream += kind == b"trak"
        index += _box(kind, _speaking(payload, language) if language else payload)
    old = next((payload for kind, payload in children if kind == b"udta"), b"")
    return index + _box(b"udta", _user_data(old, tags))


def _speaking(trak: bytes, language: str) -> bytes:
    """Return the track with its language."""
    if not re.fullmatch(r"[a-z]{3}", language):
        raise NotForUsError
    code = 0
    for letter in language:
        code = code << 5 | ord(letter) - 0x60
    changed = bytearray(trak)
    for path in _found_in(trak, 0, len(trak), (b"mdia", b"mdhd")):
        struct.pack_into(">H", changed, path.start + (32 if trak[path.start] == 1 else 20), code)
    return bytes(changed)


def _user_data(udta: bytes, tags: Mapping[str, str]) -> bytes:
    kept, items = bytearray(), {}
    for kind, payload in _children(udta.removesuffix(bytes(4))):
        if kind != b"meta":
            kept += _box(kind, payload)
            continue
        inside = _children(payload[4:])
        if next((body[8:12] for kind, body in inside if kind == b"hdlr"), b"") != b"mdir":
            raise NotForUsError
        items = dict(pair for kind, body in inside if kind == b"ilst" for pair in _children(body))
    listed = {**items, **_items(tags)}
    ilst = b"".join(_box(kind, body) for kind, body in listed.items() if body)
    return bytes(kept) + _box(b"meta", bytes(4) + _box(b"hdlr", _HANDLER) + _box(b"ilst", ilst))


def _items(tags: Mapping[str, str]) -> dict[bytes, bytes]:
    """Return what stands in the list for each tag that has a place there; nothing for one to take out."""
    found = {}
    for name, value in tags.items():
        if kind := _TEXTS.get(name):
            found[kind] = _data(_TEXT, value.encode()) if value else b""
        elif kind := _PLACES.get(name):
            found[kind] = _place(kind, value)
        elif kind := _NUMBERS.get(name):
            found[kind] = _data(_INTEGER, struct.pack(">I", _number(value) & _MOST)) if value else b""
    return found


def _place(kind: bytes, value: str) -> bytes:
    """Return `3` or `3/12` as track or disc."""
    number, _, total = value.partition("/")
    if not _number(number):
        return b""
    padding = 2 if kind == b"trkn" else 0
    body = struct.pack(">HHH", 0, _number(number) & 0xFFFF, _number(total) & 0xFFFF)
    return _data(_BINARY, body + bytes(padding))


def _number(text: str) -> int:
    """Return the number that the text begins with, 0 if there is none."""
    found = re.match(r"\s*(\d+)", text)
    return int(found[1]) if found else 0


def _data(kind: int, body: bytes) -> bytes:
    return _box(b"data", struct.pack(">II", kind, 0) + body)


def _shift_chunks(index: bytearray, media: Box, shift: int) -> None:
    """Have every entry of the index point to where the media will be. The media must be all they point to."""
    for name, form in ((b"stco", "I"), (b"co64", "Q")):
        for table in _found_in(index, 0, len(index), (b"trak", b"mdia", b"minf", b"stbl", name)):
            (count,) = struct.unpack_from(">I", index, table.start + 4)
            layout = f">{count}{form}"
            if struct.calcsize(layout) > table.end - table.start - 8:
                raise NotForUsError
            old = struct.unpack_from(layout, index, table.start + 8)
            new = [offset + shift for offset in old]
            if old and not (media.start <= min(old) and max(old) <= media.end):
                raise NotForUsError
            if form == "I" and new and max(new) > _MOST:
                raise NotForUsError
            struct.pack_into(layout, index, table.start + 8, *new)


def _found_in(data: bytes | bytearray, start: int, end: int, path: tuple[bytes, ...]) -> Iterator[Box]:
    """Yield the boxes at a path below, by their places in the data."""
    for box in _siblings(data, start, end):
        if box.kind == path[0]:
            if len(path) == 1:
                yield box
            else:
                yield from _found_in(data, box.start, box.end, path[1:])


def _siblings(data: bytes | bytearray, start: int, end: int) -> Iterator[Box]:
    while start + 8 <= end:
        length, kind = struct.unpack_from(">I4s", data, start)
        if length < 8 or start + length > end:
            raise NotForUsError
        yield Box(kind=kind, head=start, start=start + 8, end=start + length)
        start += length
