"""Schema versions of stored documents: older ones are migrated step by step, newer ones refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vidra.errors import StateError, StateTooNew

from .frame import Document, Tables

Step = Callable[[Document], Document]
"""Turns a document of one version into the next; may change and return what it was given."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Schema:
    """The current version of a table's documents, and the steps that lead there, by where they start."""

    version: int = 1
    steps: Mapping[int, Step] = field(default_factory=dict[int, Step])

    def fit(self, path: Path, document: Document) -> Document:
        """Return the document in the current version.

        Raises `StateTooNew` for a newer one and `StateError` for one that says no version or has no
        way up: nothing is guessed.
        """
        found = document.get("version")
        if found == self.version:
            return document
        if not isinstance(found, int):
            raise StateError(path, f"a document without a schema version: {sorted(document)[:8]}")
        if found > self.version:
            raise StateTooNew(path, found=found, known=self.version)
        for version in range(found, self.version):
            if version not in self.steps:
                raise StateError(
                    path, f"no way from schema {version} to {version + 1}; this is a defect of Vidra"
                )
            document = self.steps[version](document) | {"version": version + 1}
        return document


def upgrade(path: Path, tables: Tables, schemas: Mapping[str, Schema]) -> int:
    """Bring all documents up to date, in place; return how many were changed. Raises as `Schema.fit`."""
    changed = 0
    for name, schema in schemas.items():
        table = tables.get(name, {})
        old = [doc_id for doc_id, document in table.items() if document.get("version") != schema.version]
        changed += len(old)
        table.update({doc_id: schema.fit(path, table[doc_id]) for doc_id in old})
    return changed
