"""The folder an entry is worked on in."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidra.errors import TryLater
from vidra.media.workspace import Workspace, stem_for


def test_the_same_key_has_the_same_folder(tmp_path: Path) -> None:
    """And another key another one."""
    first, again, other = (Workspace.of(tmp_path, key) for key in ("a 1", "a 1", "a 2"))
    assert first == again != other


def test_two_workers_do_not_share_a_workspace(tmp_path: Path) -> None:
    """The second is told to come later."""
    workspace = Workspace.of(tmp_path, "a 1")
    with workspace.held(), pytest.raises(TryLater), workspace.held():
        pass


def test_a_workspace_can_be_held_again(tmp_path: Path) -> None:
    """After release, and after being discarded."""
    workspace = Workspace.of(tmp_path, "a 1")
    for _ in range(2):
        with workspace.held():
            workspace.discard()
    assert list(tmp_path.iterdir()) == []


def test_only_finished_files_are_produced(tmp_path: Path) -> None:
    """Parts, fragments, records and other media stay behind."""
    workspace = Workspace(tmp_path)
    for name in ("m.mp4", "m.jpg", "m.en.vtt", "m.mp4.part", "m.mp4.ytdl", "m.mp4.part.origin", "n.jpg"):
        (tmp_path / name).touch()
    assert [p.name for p in workspace.produced(tmp_path / "m.mp4")] == ["m.en.vtt", "m.jpg"]


@settings(deadline=None)  # other work on the machine is no failure
@given(st.text())
def test_any_format_id_makes_a_plain_name(format_id: str) -> None:
    """Format ids come from pages."""
    assert re.fullmatch(r"media-[A-Za-z0-9_+-]{1,80}", stem_for(format_id))
