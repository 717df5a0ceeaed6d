"""The `<name>.json` file: an ordinary TinyDB file that also knows which journal entries are already in it.

Its table `_meta` holds one document: the sequence number of the last transaction included, a
checksum over the other tables, the file's origin, and where in the journal the rest begins. Without
that table (a file by stock TinyDB, or edited by hand and `_meta` removed) the content counts as it is.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from vidra.errors import StateTooNew

from .frame import Tables

META = "_meta"
META_ID = 1
FORMAT = 1
"""Version of the file format itself, apart from the schemas of the documents."""

Adopt = Callable[[Any], Tables | None]
"""Turns the JSON of a foreign file into tables; None if it does not know that shape."""


class SnapshotDamaged(Exception):
    """The file is there but cannot be trusted. Internal: the journal turns it into `StateDamaged`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """Tables as of transaction `seq`; in the journal that starts at `base`, the rest begins at `offset`."""

    tables: Tables = field(default_factory=dict[str, dict[int, dict[str, Any]]])
    seq: int = 0
    base: int = 0
    offset: int = 0
    adopted: bool = False
    """Whether the file was not written by us, so that a backup is due before it is replaced."""


def encode_snapshot(snapshot: Snapshot) -> Sequence[bytes | memoryview]:
    """Return the file's bytes in pieces: joining them would take a large file's size again, twice."""
    body = {n: {str(i): d for i, d in t.items()} for n, t in snapshot.tables.items() if n != META and t}
    text = orjson.dumps(body)
    meta = dict(snapshot.tables.get(META, {}).get(META_ID, {}))
    meta |= {"format": FORMAT, "seq": snapshot.seq, "base": snapshot.base, "offset": snapshot.offset}
    meta["crc"] = _checksum(meta, text)
    head = orjson.dumps({META: {str(META_ID): meta}})
    return (head,) if text == b"{}" else (head[:-1], b",", memoryview(text)[1:])


def read_snapshot(path: Path, adopt: Adopt | None = None) -> Snapshot | None:
    """Return what the file holds, None if there is no file or an empty one.

    Raises `SnapshotDamaged` for a file that is not what was written, `StateTooNew` for one of a
    newer Vidra, `OSError` when it cannot be read.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    if not data:
        return None
    try:
        content = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise SnapshotDamaged(f"not JSON: {error}") from error
    if isinstance(content, dict) and META in content:
        return _ours(path, data, content)
    return _foreign(content, adopt)


def _ours(path: Path, data: bytes, content: dict[str, Any]) -> Snapshot:
    try:
        meta = content.pop(META)[str(META_ID)]
        found, crc = int(meta["format"]), meta.pop("crc")
    except (KeyError, TypeError, ValueError) as error:
        raise SnapshotDamaged("its table `_meta` is not what Vidra writes") from error
    if found > FORMAT:
        raise StateTooNew(path, found=found, known=FORMAT)
    head = orjson.dumps({META: {str(META_ID): {**meta, "crc": crc}}})
    text = (b"{}",) if data == head else (b"{", memoryview(data)[len(head) :])
    if not data.startswith(head[:-1]) or crc != _checksum(meta, *text):
        raise SnapshotDamaged("its checksum does not fit (to edit by hand, remove the table `_meta`)")
    tables = _tables(content)
    if tables is None:
        raise SnapshotDamaged("not a TinyDB file")
    seq, base, offset = (int(meta.pop(name)) for name in ("seq", "base", "offset"))
    tables[META] = {META_ID: meta}
    return Snapshot(tables=tables, seq=seq, base=base, offset=offset)


def _foreign(content: object, adopt: Adopt | None) -> Snapshot:
    tables = adopt(content) if adopt else None
    if tables is None:
        tables = _tables(content)
    if tables is None:
        raise SnapshotDamaged("neither a TinyDB file nor one that Vidra 1.x wrote")
    return Snapshot(tables=tables, adopted=True)


def _tables(content: object) -> Tables | None:
    if not isinstance(content, dict) or not all(isinstance(table, dict) for table in content.values()):
        return None
    if not all(isinstance(document, dict) for table in content.values() for document in table.values()):
        return None
    try:
        return {name: {int(i): document for i, document in table.items()} for name, table in content.items()}
    except ValueError:
        return None


def _checksum(meta: dict[str, Any], *text: bytes | memoryview) -> str:
    facts = {key: meta[key] for key in sorted(meta) if key != "crc"}
    found = binascii.crc32(orjson.dumps(facts))
    for piece in text:
        found = binascii.crc32(piece, found)
    return f"{found:08x}"
