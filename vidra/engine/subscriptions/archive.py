"""The archive for the command line: what it holds, what is amiss, and taking over foreign libraries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vidra.clock import SYSTEM_CLOCK, Clock, iso
from vidra.media.libraries import FoundItem, Unread, read_library
from vidra.settings import Settings
from vidra.state.archive import FileArchive
from vidra.state.holdings import Holding, Holdings, open_holdings
from vidra.state.home import ARCHIVE_FILE


@dataclass(frozen=True, kw_only=True, slots=True)
class ArchiveLine:
    """One key of the archive and what is known of it."""

    key: str
    state: str
    """`held`, `deleted`, or `archived`: downloaded once, nothing more is known."""
    lists: tuple[str, ...] = ()
    what: str = ""
    """Its file, or why it was deleted."""
    title: str | None = None
    at: str | None = None
    """When it was downloaded or deleted."""

    def to_json(self) -> dict[str, Any]:
        """Return what `--json` shows; these keys stay."""
        return {
            "key": self.key, "state": self.state, "lists": list(self.lists), "what": self.what or None,
            "title": self.title, "at": self.at,
        }  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class ArchiveCheck:
    """What a look at archive and library found."""

    keys: int
    held: int
    deleted: int
    gone: Mapping[str, str]
    """File by key, for items whose file is not there any more."""
    problems: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return what `--json` shows; these keys stay."""
        return {
            "keys": self.keys, "held": self.held, "deleted": self.deleted, "gone": dict(self.gone),
            "problems": list(self.problems),
        }  # fmt: skip


@dataclass(kw_only=True, slots=True)
class TakenOver:
    """What an import found and did."""

    items: int = 0
    new_keys: int = 0
    """Items that the archive did not have."""
    files: int = 0
    """Items whose file is there, and is known from now on."""
    unread: list[Unread] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return what `--json` shows; these keys stay."""
        return {
            "items": self.items, "new": self.new_keys, "files": self.files,
            "unread": [{"source": str(one.source), "reason": one.reason} for one in self.unread],
        }  # fmt: skip


def holdings_of(settings: Settings) -> Holdings:
    """Open the holdings of the configured data folder; the caller closes them."""
    return open_holdings(settings.storage.data_dir, lock_timeout=settings.storage.lock_timeout)


def archive_of(settings: Settings) -> FileArchive:
    """Return the archive of the configured data folder."""
    return FileArchive(settings.storage.data_dir / ARCHIVE_FILE, lock_timeout=settings.storage.lock_timeout)


def archive_lines(
    settings: Settings, *, subscription: str | None = None, deleted: bool = False
) -> Sequence[ArchiveLine]:
    """Return what the archive knows, by key; of one subscription, or only what was deleted."""
    with holdings_of(settings) as holdings:
        held = {one.key: _held_line(one) for one in holdings.all()}
        buried = {
            key: ArchiveLine(
                key=key, state="deleted", lists=one.lists, what=one.reason, title=one.title, at=one.at
            )
            for key, one in holdings.tombstones().items()
        }
    plain = {key: ArchiveLine(key=key, state="archived") for key in archive_of(settings).keys()}  # noqa: SIM118 - an archive is no mapping
    found = buried if deleted else {**plain, **held, **buried}
    return [line for _, line in sorted(found.items()) if subscription is None or subscription in line.lists]


def check(settings: Settings) -> ArchiveCheck:
    """Compare the archive with the holdings and these with the library. Changes nothing."""
    keys = archive_of(settings).keys()
    with holdings_of(settings) as holdings:
        held, buried = holdings.all(), holdings.tombstones()
    gone = {one.key: one.main_file for one in held if not Path(one.main_file).is_file()}
    unreadable = [key for key in sorted(keys) if " " not in key]
    lost = sorted({*(one.key for one in held), *buried} - keys)
    return ArchiveCheck(
        keys=len(keys),
        held=len(held),
        deleted=len(buried),
        gone=gone,
        problems=(
            *(f"archive.txt: expected `extractor id`, got {key!r}" for key in unreadable),
            *(f"archive.txt lacks {key}, which was downloaded: it would be fetched again" for key in lost),
        ),
    )


def take_over(
    paths: Iterable[Path],
    *,
    settings: Settings,
    subscription: str | None = None,
    dry_run: bool = False,
    clock: Clock = SYSTEM_CLOCK,
) -> TakenOver:
    """Add what the paths record to the archive, and files that are there to the holdings.

    Holdings are known by absolute path; a file is never touched. Raises `UsageError` for a path that is
    not there.
    """
    done = TakenOver()
    archive, found = archive_of(settings), list[FoundItem]()
    for path in paths:
        for one in read_library(path.expanduser().absolute()):
            if isinstance(one, Unread):
                done.unread.append(one)
            else:
                found.append(one)
    found = _each_file_once(found)
    known = archive.keys()
    fresh = {one.keys[0] for one in found if known.isdisjoint(one.keys)}
    done.items, done.new_keys = len({one.keys[0] for one in found}), len(fresh)
    done.files = len({one.keys[0] for one in found if one.media is not None})
    if dry_run:
        return done
    archive.add_all(key for one in found for key in one.keys)
    with holdings_of(settings) as holdings:
        for one in found:
            if one.media is not None and holdings.get(one.keys[0]) is None:
                holdings.keep(_holding(one, one.media, subscription, iso(clock.now())))
        if subscription is not None:
            holdings.claim(subscription, {one.keys[0] for one in found if one.media is not None})
    return done


def _each_file_once(found: Iterable[FoundItem]) -> list[FoundItem]:
    """Return the items so that no file is two of them, whatever keys different programs gave it.

    Who knows our own key beside yt-dlp's says which it is; the others add theirs.
    """
    by_file: dict[Path, FoundItem] = {}
    others: list[FoundItem] = []
    for one in sorted(found, key=lambda one: -len(one.keys)):
        if one.media is None:
            others.append(one)
            continue
        first = by_file.setdefault(one.media, one)
        keys = tuple(dict.fromkeys((*first.keys, *one.keys)))
        by_file[one.media] = replace(
            first,
            keys=keys,
            url=first.url or one.url,
            title=first.title or one.title,
            upload_date=first.upload_date or one.upload_date,
        )
    return [*by_file.values(), *others]


def _holding(one: FoundItem, media: Path, subscription: str | None, now: str) -> Holding:
    beside = [file for file in media.parent.glob(f"{_escaped(media.stem)}*") if file.is_file()]
    return Holding(
        key=one.keys[0],
        url=one.url,
        title=one.title,
        main_file=str(media),
        files=tuple(sorted({str(media), *(str(file) for file in beside if _belongs(file, media))})),
        size=media.stat().st_size,
        upload_date=one.upload_date,
        downloaded_at=now,
        lists=(subscription,) if subscription else (),
    )


def _belongs(file: Path, media: Path) -> bool:
    """Whether the file is a sidecar: named like the media file, then a dot or `-thumb`."""
    rest = file.name.removeprefix(media.stem)
    return rest.startswith((".", "-thumb."))


def _escaped(stem: str) -> str:
    return "".join(f"[{character}]" if character in "*?[" else character for character in stem)


def _held_line(one: Holding) -> ArchiveLine:
    return ArchiveLine(
        key=one.key, state="held", lists=one.lists, what=one.main_file, title=one.title, at=one.downloaded_at
    )
