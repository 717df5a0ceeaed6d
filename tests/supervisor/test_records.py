"""What the next supervisor is told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vidra.supervisor.identity import Identity, boot_id
from vidra.supervisor.interface import BackendRecord, BackendSpec
from vidra.supervisor.records import FileRecords, MemoryRecords, RecordStore
from vidra.supervisor.remembering import Memory

SPEC = BackendSpec(name="api", command=("main",))


def record(**fields: object) -> BackendRecord:
    """Return a record with everything in it."""
    standard: dict[str, object] = {
        "name": "api",
        "digest": SPEC.digest,
        "boot": boot_id(),
        "instance": "home:api:1",
        "token": "secret",
        "process": Identity.of(os.getpid()),
        "port": 8437,
        "crashes": (1.5, 2.5),
        "failed": "because",
        "stopped": True,
    }
    return BackendRecord(**{**standard, **fields})  # type: ignore[arg-type]  # fields of many types


@pytest.fixture(params=[MemoryRecords, FileRecords])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> RecordStore:
    """Return each implementation in turn."""
    made: RecordStore = FileRecords(tmp_path) if request.param is FileRecords else MemoryRecords()
    return made


def test_what_was_saved_is_loaded(store: RecordStore) -> None:
    """Every field, and only of the back end asked for."""
    store.save(record())

    assert store.load("api") == record()
    assert store.load("other") is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"name": "api"}', '{"process": 3, "crashes": 1}'])
def test_a_damaged_file_counts_as_none(tmp_path: Path, text: str) -> None:
    """Processes are found by their mark then; nothing is raised."""
    (tmp_path / "api.json").write_text(text)

    assert FileRecords(tmp_path).load("api") is None


def test_the_file_is_the_owners_business(tmp_path: Path) -> None:
    """It holds the token of the shutdown route: mode 0600, and no `.new` file left."""
    FileRecords(tmp_path).save(record())

    assert [path.name for path in tmp_path.iterdir()] == ["api.json"]
    assert (tmp_path / "api.json").stat().st_mode & 0o777 == 0o600


def test_a_record_of_another_boot_keeps_only_wishes(store: RecordStore) -> None:
    """Processes and crashes went with that boot; the operator's stop and the port did not."""
    store.save(record(boot="another"))
    found = Memory(SPEC, store).record

    assert (found.process, found.crashes, found.failed) == (None, (), None)
    assert (found.stopped, found.port) == (True, 8437)


def test_a_changed_declaration_clears_crashes_and_failure(store: RecordStore) -> None:
    """Section 2.3, item 6: a changed configuration is a way back from `failed`."""
    store.save(record(digest="another"))
    found = Memory(SPEC, store).record

    assert (found.crashes, found.failed) == ((), None)
    assert found.process == record().process


def test_secrets_do_not_show_in_a_printed_spec_or_record() -> None:
    """Tokens and environments are left out of `repr`."""
    spec = BackendSpec(name="api", command=("main",), env={"PASSWORD": "canary"})

    assert "canary" not in repr(spec)
    assert "secret" not in repr(record())
