"""Reads what other programs wrote down about finished downloads, so that nothing is fetched again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from xml.etree.ElementTree import ParseError

from vidra.errors import UsageError
from vidra.media.entries import to_entry
from vidra.media.extensions import MEDIA_EXTENSIONS
from vidra.media.naming import media_named_like

_LINE: Final = re.compile(r"[^\s]+ [^\s].*")
_YTDL_SUB: Final = re.compile(r"\.ytdl-sub-.+-download-archive\.json\Z")
_LARGEST: Final = 64 * 1024 * 1024
"""Bytes; a file that is larger was written by nobody we read."""
_NFO_ENDS: Final = frozenset({"tvshow.nfo", "season.nfo"})


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundItem:
    """One download that somebody recorded."""

    keys: tuple[str, ...]
    """Archive keys, ours first."""
    source: Path
    """The file that says so."""
    url: str | None = None
    title: str | None = None
    upload_date: str | None = None
    """`YYYY-MM-DD`."""
    media: Path | None = None
    """The media file, if it is there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Unread:
    """A file that could not be made sense of, and why."""

    source: Path
    reason: str


def read_library(path: Path) -> Iterator[FoundItem | Unread]:
    """Yield what a file, or every known file below a folder, records; one item at a time.

    Known are yt-dlp's archives (`extractor id` a line), ytdl-sub's JSON archives, `.info.json` files, and
    NFO files with a `uniqueid` that has a type. Raises `UsageError` if there is no such file or folder.
    """
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.is_file() and (reader := _reader(file)):
                yield from _guarded(reader, file)
        return
    if not path.is_file():
        raise UsageError(f"{path}: expected a file or a folder that is there")
    yield from _guarded(_reader(path) or _archive, path)


def _reader(file: Path) -> Any:  # noqa: ANN401 - one of four functions, or None
    name = file.name
    if _YTDL_SUB.search(name):
        return _ytdl_sub
    if name.endswith(".info.json"):
        return _info_json
    if name.endswith(".nfo"):
        return None if name in _NFO_ENDS else _nfo
    return _archive if name.endswith("archive.txt") else None


def _guarded(reader: Any, file: Path) -> Iterator[FoundItem | Unread]:  # noqa: ANN401 - as above
    try:
        _check_size(file)
        yield from reader(file)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ParseError, RecursionError) as error:
        yield Unread(source=file, reason=f"not readable as what its name says: {error!r:.200}")


def _check_size(file: Path) -> None:
    if file.stat().st_size > _LARGEST:
        raise ValueError(f"larger than {_LARGEST} bytes")


def _archive(file: Path) -> Iterator[FoundItem | Unread]:
    for number, raw in enumerate(file.read_text("utf-8", errors="replace").split("\n"), start=1):
        line = raw.strip()
        if not line:
            continue
        if not _LINE.fullmatch(line) or not line.isprintable():
            yield Unread(source=file, reason=f"line {number}: expected `extractor id`, got {line[:80]!r}")
            continue
        extractor, _, media_id = line.partition(" ")
        yield FoundItem(keys=(f"{extractor.lower()} {media_id}",), source=file)


def _ytdl_sub(file: Path) -> Iterator[FoundItem | Unread]:
    """Read `{id: {"extractor": …, "upload_date": …, "file_names": […]}}`."""
    for media_id, mapping in json.loads(file.read_bytes()).items():
        extractor = str(mapping.get("extractor") or "youtube").lower()
        names = [file.parent / str(name) for name in mapping.get("file_names") or ()]
        yield FoundItem(
            keys=(f"{extractor} {media_id}",),
            source=file,
            upload_date=_day(mapping.get("upload_date")),
            media=next((one for one in sorted(names) if _is_media(one)), None),
        )


def _info_json(file: Path) -> Iterator[FoundItem | Unread]:
    info = json.loads(file.read_bytes())
    if info.get("_type") in {"playlist", "multi_video"} or not info.get("id"):
        return
    entry = to_entry(info)
    stem = file.name.removesuffix(".info.json")
    yield FoundItem(
        keys=tuple(key for key in (entry.key, entry.archive_key) if key),
        source=file,
        url=entry.url or None,
        title=entry.title,
        upload_date=entry.upload_date,
        media=_beside(file, stem),
    )


def _nfo(file: Path) -> Iterator[FoundItem | Unread]:
    from xml.etree.ElementTree import XMLParser, fromstring  # noqa: PLC0415 - rarely needed

    text = file.read_bytes()
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise ValueError("it declares entities")  # no NFO does; XML bombs do
    root = fromstring(text, parser=XMLParser())  # noqa: S314 - no entities, see above
    keys = tuple(
        f"{kind.lower()} {(one.text or '').strip()}"
        for one in root.iter("uniqueid")
        if (kind := one.get("type")) and (one.text or "").strip()
    )
    if keys:
        yield FoundItem(
            keys=keys,
            source=file,
            title=root.findtext("title"),
            upload_date=_day((root.findtext("aired") or root.findtext("premiered") or "").replace("-", "")),
            media=_beside(file, file.name.removesuffix(".nfo")),
        )


def _beside(file: Path, stem: str) -> Path | None:
    return next((one for one in media_named_like(file.parent, stem) if one.is_file()), None)


def _is_media(path: Path) -> bool:
    return path.suffix.lstrip(".").lower() in MEDIA_EXTENSIONS and path.is_file()


def _day(value: object) -> str | None:
    text = str(value or "").replace("-", "")
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}" if re.fullmatch(r"\d{8}", text) else None
