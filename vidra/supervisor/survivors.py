"""Finds what an earlier supervisor left running, by the mark in the environment, with or without a record."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vidra.supervisor.identity import Identity
from vidra.supervisor.interface import BackendRecord
from vidra.supervisor.members import find_marked, mark_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Survivor:
    """A living process of an earlier start."""

    identity: Identity
    instance: str
    leads: bool
    """Whether it is the one we started, not one of its children."""


def find_survivors(beginning: str) -> list[Survivor]:
    """Return the living processes whose instance id begins so; one look at the process table."""
    return [
        Survivor(identity=identity, instance=instance, leads=_leads(identity))
        for identity in find_marked(beginning)
        if (instance := mark_of(identity.pid, beginning)) is not None
    ]


def leader_of(record: BackendRecord, survivors: Iterable[Survivor]) -> Identity | None:
    """Return the process of the record's start: by its identity, else by the instance id it carries.

    The second way finds one whose supervisor died between starting it and writing down its pid.
    """
    if record.process is not None and record.process.alive:
        return record.process
    matching = (s.identity for s in survivors if s.leads and s.instance == record.instance)
    return next(matching, None)


def strangers_to(record: BackendRecord, survivors: Sequence[Survivor]) -> list[Survivor]:
    """Return survivors of other starts than the record's: there must be one copy only."""
    return [survivor for survivor in survivors if survivor.instance != record.instance]


def _leads(identity: Identity) -> bool:
    try:
        return os.getsid(identity.pid) == identity.pid
    except (ProcessLookupError, PermissionError):
        return False
