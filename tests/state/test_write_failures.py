"""When the disk refuses: the old state stands, the error says what to do, and it goes on afterwards."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.state.builders import a_job, filled, put, things
from vidra.errors import StateError, StateWriteFailed
from vidra.state import atomic_write, open_state
from vidra.state.filesystem import refuse_network
from vidra.state.interface import JobProgress
from vidra.state.journal import Journal


@contextmanager
def files_limited_to(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond that many bytes: a full disk that needs no mount."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


def test_no_room_keeps_the_old_state_and_works_again_without_a_restart(tmp_path: Path) -> None:
    """ST-06: at every length the journal can be cut short at."""
    path = tmp_path / "a.json"
    documents = filled(path, 3)
    journal, full = Journal(path), (tmp_path / "a.journal").stat().st_size
    for room in range(0, 120, 7):
        with files_limited_to(full + room), pytest.raises(StateWriteFailed, match="ulimit"):
            put(journal, 9, {"text": "x" * 200})
        with journal.reading() as replica:
            assert replica.tables["things"] == documents
        assert things(path) == documents
        assert (tmp_path / "a.journal").stat().st_size == full
    put(journal, 9, {"text": "room again"})
    assert things(path) == {**documents, 9: {"text": "room again"}}


def test_a_full_disk_does_not_spoil_closing(tmp_path: Path) -> None:
    """The journal has everything, so there is nothing to fail for."""
    state = open_state(tmp_path)
    state.jobs.add(a_job(metadata={"text": "x" * 3000}))
    with files_limited_to(100):
        state.close()
    with open_state(tmp_path) as again:
        assert len(again.jobs.list()) == 1
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("value", [{1, 2}, b"bytes", object(), 2**70, "\udce9", {1: "number as key"}])
def test_a_value_that_json_cannot_hold_is_refused(tmp_path: Path, value: object) -> None:
    """ST-17: nothing is written, not even the good documents beside it."""
    path = tmp_path / "a.json"
    documents = filled(path, 2)
    journal = Journal(path)
    with pytest.raises(TypeError):
        journal.change(lambda _: [("things", 8, {"good": 1}), ("things", 9, {"bad": value})])
    assert things(path) == documents
    put(journal, 9, {"good": 1})
    assert len(things(path)) == 3


def test_memory_holds_exactly_what_the_file_holds(tmp_path: Path) -> None:
    """A NaN becomes null at once, not after the next start."""
    with open_state(tmp_path) as state:
        state.jobs.add(a_job(metadata={"nan": float("nan"), "tuple": (1, 2)}))
        state.jobs.set_progress("job-1", JobProgress(percent=1.0))
        before = state.jobs.get("job-1")
    with open_state(tmp_path) as again:
        assert again.jobs.get("job-1") == before


def test_everything_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    """ST-14: also what was open before, and whatever the umask."""
    old = os.umask(0)
    try:
        (tmp_path / "data" / "job_logs").mkdir(parents=True, mode=0o777)
        (tmp_path / "data" / "archive.txt").write_text("site a\n")
        with open_state(tmp_path / "data") as state:
            state.jobs.add(a_job())
            state.options.save("job-1", {"a": 1})
            state.archive.add("site b")
            state.logs.append("job-1", [])
            with state.job_lock("job-1"):
                pass
        Journal(tmp_path / "data" / "download_state.json").compact()
        atomic_write(tmp_path / "data" / "status.json", b"{}")
    finally:
        os.umask(old)
    for path in [tmp_path / "data", *(tmp_path / "data").rglob("*")]:
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


def test_a_missing_folder_is_made(tmp_path: Path) -> None:
    """ST-15: with its parents."""
    with open_state(tmp_path / "a" / "b" / "c") as state:
        state.jobs.add(a_job())
    assert (tmp_path / "a" / "b" / "c" / "download_state.json").is_file()


def test_a_folder_that_is_a_file_is_said_to_be_none(tmp_path: Path) -> None:
    """ST-15: in words, with the path."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StateWriteFailed, match="could not create the folder"):
        open_state(tmp_path / "file" / "data")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_can_be_read(tmp_path: Path) -> None:
    """ST-15: reading works, writing says why not."""
    filled(tmp_path / "a.json", 2)
    tmp_path.chmod(0o500)
    try:
        assert len(things(tmp_path / "a.json")) == 2
        with pytest.raises(StateWriteFailed, match="may not write"):
            put(Journal(tmp_path / "a.json"), 3, {})
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "smb3", "fuse.sshfs", "NFS"])
def test_a_network_file_system_is_refused_in_words(tmp_path: Path, kind: str) -> None:
    """It names the type and what to set instead."""
    with pytest.raises(StateError, match=rf"(?i){kind}.*storage\.data_dir"):
        refuse_network(tmp_path / "new" / "data", [("/", "ext4"), (str(tmp_path), kind)])


def test_the_nearest_and_latest_mount_counts(tmp_path: Path) -> None:
    """A local disk below a share is fine, and so is one mounted over it."""
    refuse_network(tmp_path / "data", [("/", "nfs4"), (str(tmp_path), "ext4")])
    refuse_network(tmp_path / "data", [(str(tmp_path), "nfs4"), (str(tmp_path), "btrfs")])


def test_a_file_that_cannot_be_read_is_a_state_error(tmp_path: Path) -> None:
    """Not an OSError from somewhere inside."""
    (tmp_path / "download_state.json").mkdir()
    with pytest.raises(StateError, match="could not be read"):
        open_state(tmp_path)


def test_old_strays_are_swept_at_the_start(tmp_path: Path) -> None:
    """Fresh ones may be in the making by somebody else."""
    old, fresh = tmp_path / ".status.json.a.vidra-tmp", tmp_path / ".status.json.b.vidra-tmp"
    for stray in (old, fresh):
        stray.write_text("half")
    os.utime(old, (1.0, 1.0))
    with open_state(tmp_path):
        assert [stray.exists() for stray in (old, fresh)] == [False, True]


def test_atomic_write_replaces_and_leaves_no_strays(tmp_path: Path) -> None:
    """Old or new content; a failed attempt leaves the old one and nothing beside it."""
    path = tmp_path / "status.json"
    atomic_write(path, b"old")
    with files_limited_to(10), pytest.raises(StateWriteFailed, match=r"status\.json"):
        atomic_write(path, b"x" * 100)
    assert path.read_bytes() == b"old"
    atomic_write(path, b"new")
    assert [file.name for file in tmp_path.iterdir()] == ["status.json"]
    assert path.read_bytes() == b"new"
