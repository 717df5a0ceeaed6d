"""Makes the stored sources follow the configuration: declared ones appear, change and go with it.

A source that was added on the command line is left alone, even if the configuration declares one of
the same id: what is declared then wins for the fields it names, and the source stays when that goes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from vidra.clock import Clock, iso
from vidra.connections import Candidate
from vidra.engine.sources.access import standing_of
from vidra.servers.networks import is_local_host
from vidra.settings import SourceSettings
from vidra.state.source_interface import Source, SourceFolder, SourceKind, SourcePath, SourceStore


@dataclass(frozen=True, kw_only=True, slots=True)
class Followed:
    """Which sources the configuration brought, changed and took away."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything was done."""
        return bool(self.added or self.changed or self.removed)


def follow_declarations(
    declared: Mapping[str, SourceSettings], store: SourceStore, *, clock: Clock
) -> Followed:
    """Bring the store in line with what is declared. Secrets are left where they are."""
    known = {source.source_id: source for source in store.list()}
    gone = [key for key, source in known.items() if source.declared and key not in declared]
    for key in gone:
        store.remove(key)
    fresh = [key for key in declared if key not in known]
    for key in fresh:
        store.add(_new(key, declared[key], iso(clock.now())))
    changed = [key for key in declared if key in known and _updated(store, known[key], declared[key])]
    return Followed(added=tuple(fresh), changed=tuple(changed), removed=tuple(gone))


def manual_candidate(url: str) -> Candidate:
    """Return the address a person gave; whether it is local is read off its host."""
    return Candidate(uri=url.rstrip("/"), local=is_local_host(urlsplit(url).hostname or ""), manual=True)


def _new(source_id: str, wanted: SourceSettings, at: str) -> Source:
    bare = Source(
        source_id=source_id,
        name=wanted.name or source_id,
        type=SourceKind(wanted.type.value),
        declared=True,
        created_at=at,
        updated_at=at,
    )
    return bare.model_copy(update=_fields(bare, wanted))


def _updated(store: SourceStore, source: Source, wanted: SourceSettings) -> bool:
    fields = _fields(source, wanted)
    if all(getattr(source, name) == value for name, value in fields.items()):
        return False
    store.update(source.source_id, **fields)
    return True


def _fields(source: Source, wanted: SourceSettings) -> dict[str, object]:
    """Return the fields that the declaration decides."""
    fields: dict[str, object] = {"name": wanted.name or source.source_id}
    if wanted.machine_id is not None:
        fields["machine_id"] = wanted.machine_id
    if wanted.folders:
        fields["folders"] = tuple(
            SourceFolder(path=str(one.path), name=one.name, kind=one.kind.value) for one in wanted.folders
        )
    if wanted.path_mappings or source.declared:
        fields["path_mappings"] = tuple(
            SourcePath(ours=ours, theirs=theirs) for ours, theirs in wanted.path_mappings.items()
        )
    fields["standing"] = _standing(source, _urls(wanted))
    return fields


def _urls(wanted: SourceSettings) -> Sequence[str]:
    return (() if wanted.url is None else (wanted.url,)) + tuple(wanted.further_urls)


def _standing(source: Source, urls: Sequence[str]) -> object:
    """Return the standing with these addresses as the ones a person gave; others were discovered."""
    standing = standing_of(source)
    given = [manual_candidate(url) for url in urls]
    before = [one for one in standing.candidates if one.manual]
    if [one.uri for one in before] == [one.uri for one in given] or (not source.declared and not given):
        return source.standing
    found = [one for one in standing.candidates if not one.manual]
    kept = standing.model_copy(update={"candidates": tuple(found)})
    return kept.with_candidates([*given, *found]).model_dump(mode="json")
