"""Paths as a server sees them, which are not always those of this machine (containers, network shares)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath, PurePosixPath, PureWindowsPath


@dataclass(frozen=True, kw_only=True, slots=True)
class PathMapping:
    """`ours` here is `theirs` on the server."""

    ours: str
    theirs: str


def server_path(path: PurePath, mappings: Sequence[PathMapping]) -> str:
    """Return the path as the server sees it; the deepest mapping that covers it wins, else it is the same."""
    fitting = [m for m in mappings if path.is_relative_to(m.ours)]
    if not fitting:
        return str(path)
    mapping = max(fitting, key=lambda m: len(PurePath(m.ours).parts))
    theirs = _pure(mapping.theirs)
    return str(theirs.joinpath(*path.relative_to(mapping.ours).parts))


def deepest_holder(path: str, folders: Iterable[str]) -> str | None:
    """Return the deepest of the server's folders that holds the path, or None."""
    wanted = _pure(path)
    holders = [folder for folder in folders if _is_below(wanted, _pure(folder))]
    return max(holders, key=lambda folder: len(_pure(folder).parts), default=None)


def _is_below(path: PurePath, folder: PurePath) -> bool:
    return type(path) is type(folder) and path.is_relative_to(folder)


def _pure(path: str) -> PurePath:
    """Return the path in the style it is written in: a server may run on Windows, and we do not."""
    windows = "\\" in path or (len(path) > 1 and path[1] == ":")
    return PureWindowsPath(path) if windows else PurePosixPath(path)
