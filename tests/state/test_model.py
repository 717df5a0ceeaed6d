"""Random sequences of changes, restarts and crashes against a plain dictionary."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.state.builders import TABLE
from vidra.state.frame import scan
from vidra.state.journal import Journal
from vidra.state.snapshot import read_snapshot

IDS = st.integers(1, 5)
DOCUMENTS = st.dictionaries(
    st.text(max_size=5).filter(lambda text: text.isprintable()),
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(codec="utf-8"), max_size=20),
    max_size=3,
)


class JournalMachine(RuleBasedStateMachine):
    """Two handles on one file; the model knows every state since the last one that was synced."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="vidra-model-"))
        self.path = self.folder / "a.json"
        self.handles = [self.opened(), self.opened()]
        self.model: dict[int, dict[str, Any]] = {}
        self.states: dict[int, dict[int, dict[str, Any]]] = {0: {}}
        """The model by sequence number."""

    def opened(self) -> Journal:
        """Return a handle that compacts often."""
        return Journal(self.path, compact_floor=1500)

    @rule(
        which=st.booleans(),
        changes=st.dictionaries(IDS, st.none() | DOCUMENTS, min_size=1),
        durable=st.booleans(),
    )
    def change(self, which: bool, changes: dict[int, dict[str, Any] | None], durable: bool) -> None:
        """Put and remove several documents at once."""
        operations = [(TABLE, doc_id, document) for doc_id, document in changes.items()]
        self.handles[which].change(lambda _: operations, durable=durable)
        for doc_id, document in changes.items():
            if document is None:
                self.model.pop(doc_id, None)
            else:
                self.model[doc_id] = document
        with self.handles[which].reading() as replica:
            self.states[replica.seq] = dict(self.model)

    @rule(which=st.booleans())
    def compact(self, which: bool) -> None:
        """Begin a new journal."""
        self.handles[which].compact()

    @rule(which=st.booleans())
    def close(self, which: bool) -> None:
        """Close one handle; it opens again by itself."""
        self.handles[which].close()

    @rule(which=st.booleans())
    def restart(self, which: bool) -> None:
        """Lose a handle without closing it, as a killed process does."""
        self.handles[which].forget()
        self.handles[which] = self.opened()

    @rule(cut=st.integers(1, 400))
    def crash(self, cut: int) -> None:
        """Lose the end of the journal: what is left of it, or the snapshot if that is later, is the state."""
        journal = self.handles[0].files.journal
        if not journal.exists():
            return
        with journal.open("r+b") as file:
            file.truncate(max(0, journal.stat().st_size - cut))
        frames, snapshot = scan(journal.read_bytes()).frames, read_snapshot(self.path)
        seq = max(frames[-1].seq if frames else 0, snapshot.seq if snapshot else 0)
        self.model = dict(self.states[seq])
        for handle in self.handles:
            handle.forget()

    @invariant()
    def both_handles_read_the_model(self) -> None:
        """After every step."""
        for handle in self.handles:
            with handle.reading() as replica:
                assert replica.tables.get(TABLE, {}) == self.model

    def teardown(self) -> None:
        """Remove the folder."""
        damaged = list(self.folder.glob("*damaged*"))
        shutil.rmtree(self.folder)
        assert not damaged


TestJournal = JournalMachine.TestCase
TestJournal.settings = settings(
    max_examples=100, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
