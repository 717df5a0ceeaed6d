"""A laboratory for crashes: runs operations and lets one system call fail, or the process die at it.

Run as a program (`python -m tests.state.crashlab FOLDER LENGTH`) it forks one child for every
sequence of that many operations, every system call in it and every kind of fault, checks what is left
on the disk and prints one JSON object. A program of its own, because a test process has threads.
"""

from __future__ import annotations

import errno
import itertools
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinydb import TinyDB

from vidra.errors import StateWriteFailed
from vidra.state.journal import Journal

TABLE = "things"
CALLS = ("write", "fsync", "fdatasync", "ftruncate", "replace", "link", "unlink", "open")
FAULTS = ("KILL", "KILL_AFTER", "EIO", "ENOSPC")
Model = dict[int, dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Which call of which function goes wrong, and how."""

    call: str
    nth: int
    kind: str


def put(doc_id: int, size: int) -> Callable[[Journal, Model], None]:
    """Return an operation that stores a document of about that many bytes."""

    def operation(journal: Journal, model: Model) -> None:
        document = {"text": chr(97 + doc_id) * size}
        journal.change(lambda _: [(TABLE, doc_id, document)])
        model[doc_id] = document

    return operation


def remove(doc_id: int) -> Callable[[Journal, Model], None]:
    """Return an operation that removes a document."""

    def operation(journal: Journal, model: Model) -> None:
        journal.change(lambda _: [(TABLE, doc_id, None)])
        model.pop(doc_id, None)

    return operation


OPERATIONS: dict[str, Callable[[Journal, Model], None]] = {
    "insert": put(7, 300),
    "grow": put(1, 900),
    "shrink": put(2, 3),
    "remove": remove(3),
    "compact": lambda journal, _: journal.compact(),
    "checkpoint": lambda journal, _: journal.checkpoint(),
    "reopen": lambda journal, _: journal.close(),
}


def open_journal(folder: Path) -> Journal:
    """Open the laboratory's journal; it compacts by itself above 3 KB."""
    return Journal(folder / "things.json", compact_floor=3000, lock_timeout=5)


def prepare(folder: Path) -> Model:
    """Fill the journal with what the operations work on."""
    model: Model = {}
    journal = open_journal(folder)
    for doc_id in range(1, 5):
        put(doc_id, 200)(journal, model)
    journal.checkpoint()
    put(5, 100)(journal, model)
    return model


def perform(folder: Path, names: Sequence[str], acknowledge: Callable[[str], None]) -> None:
    """Carry out the operations; tell of each that it began, and how it ended."""
    journal = open_journal(folder)
    for number, name in enumerate(names):
        acknowledge(f"begin {number}")
        try:
            OPERATIONS[name](journal, {})
        except StateWriteFailed:
            acknowledge(f"failed {number}")
        else:
            acknowledge(f"done {number}")


@contextmanager
def injected(fault: Fault | None, counts: dict[str, int]) -> Iterator[None]:
    """Count the calls, and let the fault happen."""
    real = {name: getattr(os, name) for name in CALLS}

    def wrapper(name: str) -> Callable[..., object]:
        def call(*args: Any, **kwargs: Any) -> object:
            counts[name] = counts.get(name, 0) + 1
            if fault is None or (fault.call, fault.nth) != (name, counts[name]):
                return real[name](*args, **kwargs)
            if name == "write" and fault.kind in {"KILL", "ENOSPC"}:
                real[name](args[0], bytes(args[1])[: len(args[1]) // 2])
            if fault.kind == "KILL":
                os.kill(os.getpid(), signal.SIGKILL)
            if fault.kind == "KILL_AFTER":
                real[name](*args, **kwargs)
                os.kill(os.getpid(), signal.SIGKILL)
            raise OSError(getattr(errno, fault.kind), "injected", "laboratory")

        return call

    for name in CALLS:
        setattr(os, name, wrapper(name))
    try:
        yield
    finally:
        for name, function in real.items():
            setattr(os, name, function)


def run_child(folder: Path, names: Sequence[str], fault: Fault | None) -> tuple[list[str], dict[str, int]]:
    """Perform the operations in a forked child; return what it acknowledged and which calls it made."""
    reader, writer = os.pipe()
    real_write, child = os.write, os.fork()
    if child == 0:
        counts: dict[str, int] = {}
        with injected(fault, counts):
            perform(folder, names, lambda text: void(real_write(writer, f"{text}\n".encode())))
        real_write(writer, json.dumps(counts).encode() + b"\n")
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        lines = pipe.read().splitlines()
    os.waitpid(child, 0)
    counts = json.loads(lines.pop()) if lines and lines[-1].startswith("{") else {}
    return lines, counts


def void(_: object) -> None:
    """Drop a result."""


def expected(before: Model, names: Sequence[str], said: Sequence[str]) -> list[Model]:
    """Return the states that are right: all that was acknowledged, with or without what was under way."""
    states = [dict(before)]
    for number, name in enumerate(names):
        if f"begin {number}" not in said or f"failed {number}" in said:
            continue
        after = [_after(state, name) for state in states]
        states = after if f"done {number}" in said else states + after
    return states


def _after(state: Model, name: str) -> Model:
    changed = dict(state)

    class Recorder:
        def change(self, decide: Callable[[None], Sequence[tuple[str, int, dict[str, Any] | None]]]) -> None:
            for _, doc_id, document in decide(None):
                if document is None:
                    changed.pop(doc_id, None)
                else:
                    changed[doc_id] = document

    if name not in {"compact", "checkpoint", "reopen"}:
        OPERATIONS[name](Recorder(), {})  # type: ignore[arg-type]  # stands in for the journal
    return changed


def found(folder: Path) -> Model:
    """Return what a new process reads."""
    with open_journal(folder).reading() as replica:
        return dict(replica.tables.get(TABLE, {}))


def verdict(folder: Path, right: Sequence[Model]) -> str | None:
    """Return what is wrong with the files after a crash; None if nothing is."""
    state = found(folder)
    if state not in right:
        return f"found {sorted(state)} of {[sorted(model) for model in right]}"
    journal = open_journal(folder)
    journal.change(lambda _: [(TABLE, 99, {"text": "goes on"})])
    journal.compact()
    with TinyDB(folder / "things.json") as plain:
        documents = {document.doc_id: dict(document) for document in plain.table(TABLE)}
    if documents != {**state, 99: {"text": "goes on"}}:
        return "stock TinyDB reads something else"
    loose = [path.name for path in folder.iterdir() if path.stat().st_mode & 0o077]
    strays = [path.name for path in folder.iterdir() if path.name.endswith("tmp")]
    damaged = [path.name for path in folder.iterdir() if "damaged" in path.name]
    return f"left {loose + strays + damaged}" if loose or strays or damaged else None


def faults_of(folder: Path, template: Path, names: Sequence[str]) -> list[Fault]:
    """Return every fault that can happen to these operations."""
    renewed(folder, template)
    _, counts = run_child(folder, names, None)
    return [
        Fault(call=call, nth=nth, kind=kind)
        for call, count in counts.items()
        for nth in range(1, count + 1)
        for kind in FAULTS
    ]


def renewed(folder: Path, template: Path) -> None:
    """Put the folder back to where the operations begin."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(template, folder)


def main(base: Path, length: int) -> dict[str, Any]:
    """Run the whole table, from a filled folder and from an empty one."""
    points, wrong = 0, list[str]()
    for name, made in (("filled", prepare), ("empty", lambda _: Model())):
        template = base / name
        template.mkdir(mode=0o700)
        more, faulty = run_table(template, base / "work", made(template), length)
        points, wrong = points + more, wrong + faulty
    return {"points": points, "wrong": wrong}


def run_table(template: Path, folder: Path, before: Model, length: int) -> tuple[int, list[str]]:
    """Run every sequence with every fault; return the number of points and what went wrong."""
    points, wrong = 0, list[str]()
    for names in itertools.product(OPERATIONS, repeat=length):
        for fault in faults_of(folder, template, names):
            renewed(folder, template)
            said, _ = run_child(folder, names, fault)
            problem = verdict(folder, expected(before, names, said))
            points += 1
            if problem:
                wrong.append(f"{names} {fault}: said {said}: {problem}")
    return points, wrong


if __name__ == "__main__" and sys.argv[1] == "--perform":
    perform(Path(sys.argv[2]), sys.argv[3:], lambda text: void(os.write(1, f"{text}\n".encode())))
elif __name__ == "__main__":
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]))))
