"""Finds everything a back end started, however it tried to get away."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable

from vidra.supervisor.identity import Identity, Stat, all_stats, boot_id, environment_of


def find_members(leader: Identity | None, mark: str) -> list[Identity]:
    """Return the living processes that belong to a start, the leader included.

    Three nets: descendants of the leader; its session, which ordinary children share; and everyone
    whose environment carries the mark, which finds those who left the session and lost their parent.
    """
    stats = [stat for stat in all_stats() if not stat.zombie and stat.pid != os.getpid()]
    found = {stat.pid for stat in stats if _bears(stat.pid, mark)}
    if leader is not None:
        if leader.alive:
            found.add(leader.pid)
        if not _session_number_reused(leader):
            found |= {stat.pid for stat in stats if stat.session == leader.pid}
    found |= _descendants(found, stats)
    return [_identity(stat) for stat in stats if stat.pid in found]


def find_marked(mark: str) -> list[Identity]:
    """Return the living processes whose environment carries the mark, oldest first."""
    stats = [stat for stat in all_stats() if not stat.zombie and stat.pid != os.getpid()]
    bearers = sorted((stat for stat in stats if _bears(stat.pid, mark)), key=_age)
    return [_identity(stat) for stat in bearers]


def mark_of(pid: int, beginning: str) -> str | None:
    """Return the whole mark that starts with `beginning` in this process's environment."""
    environment = environment_of(pid).decode(errors="replace")
    place = environment.find(beginning)
    return None if place < 0 else environment[place:].split("\0", 1)[0].split(",", 1)[0]


def still_alive(identities: Iterable[Identity]) -> list[Identity]:
    """Return those that still run."""
    return [identity for identity in identities if identity.alive]


def reap(identities: Collection[Identity]) -> None:
    """Take the zombies among them off the process table, where we are their parent."""
    for identity in identities:
        try:
            os.waitpid(identity.pid, os.WNOHANG)
        except ChildProcessError:
            continue  # another process is its parent and will do it


def _identity(stat: Stat) -> Identity:
    return Identity(pid=stat.pid, started=stat.started, boot=boot_id())


def _age(stat: Stat) -> tuple[int, int]:
    return stat.started, stat.pid


def _bears(pid: int, mark: str) -> bool:
    return mark.encode() in environment_of(pid)


def _session_number_reused(leader: Identity) -> bool:
    """Whether a stranger got the leader's pid, so that a session of that number may be his."""
    now = Identity.of(leader.pid)
    return now is not None and now != leader


def _descendants(found: set[int], stats: list[Stat]) -> set[int]:
    children: dict[int, list[int]] = {}
    for stat in stats:
        children.setdefault(stat.parent, []).append(stat.pid)
    below: set[int] = set()
    open_ends = list(found)
    while open_ends:
        for child in children.get(open_ends.pop(), ()):
            if child not in below:
                below.add(child)
                open_ends.append(child)
    return below
