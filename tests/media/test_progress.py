"""Figures that never fall, at a bearable rate."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.media.studio import Studio
from vidra.clock import ManualClock
from vidra.media.interface import Progress, Stage
from vidra.media.progress import TICK_SECONDS, ProgressMeter


def meter() -> tuple[ProgressMeter, ManualClock, list[Progress]]:
    """Return a meter, its clock and what it told."""
    clock, told = ManualClock(datetime(2026, 1, 1, tzinfo=UTC)), list[Progress]()
    return ProgressMeter(told.append, clock=clock), clock, told


def test_two_streams_add_up() -> None:
    """Audio after video goes on from where video ended."""
    gauge, clock, told = meter()
    gauge.plan({"v": 900, "a": 100})
    for stream, done in (("v", 900), ("a", 0), ("a", 100)):
        clock.advance(1)
        gauge.fetched(stream, {"downloaded_bytes": done, "total_bytes": 900 if stream == "v" else 100})
    assert [(t.downloaded_bytes, t.percent) for t in told] == [(900, 90.0), (900, 90.0), (1000, 100.0)]


def test_ticks_are_coalesced() -> None:
    """A thousand hooks in a second are at most five ticks."""
    gauge, clock, told = meter()
    for done in range(1000):
        clock.advance(0.001)
        gauge.fetched("v", {"downloaded_bytes": done, "total_bytes": 1000})
    assert 2 <= len(told) <= 1 + 1 / TICK_SECONDS


def test_a_new_stage_is_told_at_once() -> None:
    """Merging right after the last byte is not swallowed."""
    gauge, _, told = meter()
    gauge.fetched("v", {"downloaded_bytes": 5, "total_bytes": 5})
    gauge.step("Merger")
    assert [(t.stage, t.stage_name) for t in told][-1] == (Stage.POSTPROCESSING, "merging")


def test_an_unknown_step_is_named_as_the_client_expects() -> None:
    """`postprocessing:<Name>`, client contract section 9."""
    gauge, _, told = meter()
    gauge.step("SomethingNew")
    assert told[-1].stage_name == "postprocessing:SomethingNew"


def test_fragments_have_a_stage_name_of_their_own() -> None:
    """HLS and DASH download `downloading_fragments`."""
    gauge, _, told = meter()
    gauge.fetched("v", {"downloaded_bytes": 5, "total_bytes_estimate": 50.0, "fragment_count": 10})
    assert told[-1].stage_name == "downloading_fragments"


@settings(deadline=None)  # other work on the machine is no failure
@given(st.lists(st.tuples(st.sampled_from("va"), st.integers(0, 10**9), st.integers(0, 10**9) | st.none())))
def test_bytes_and_percent_never_fall(hooks: list[tuple[str, int, int | None]]) -> None:
    """Whatever order, restarts and estimates come in."""
    gauge, clock, told = meter()
    for stream, done, total in hooks:
        clock.advance(1)
        gauge.fetched(stream, {"downloaded_bytes": done, "total_bytes_estimate": total})
    figures = [(t.downloaded_bytes or 0, t.percent or 0.0) for t in told]
    assert all(a[0] <= b[0] and a[1] <= b[1] <= 100 for a, b in pairwise(figures))


@pytest.mark.parametrize("page", ["vd/vid001.html", "vh/vid002.html"])
def test_a_real_download_never_falls_back(studio: Studio, page: str) -> None:
    """Two DASH streams and their merge, or HLS fragments: monotone to 100."""
    studio.download(page)
    percents = [tick.percent or 0.0 for tick in studio.ticks]
    assert percents == sorted(percents)
    assert (studio.ticks[-1].percent, studio.ticks[-1].stage) == (100.0, Stage.COMPLETED)
    assert Stage.VERIFYING in {tick.stage for tick in studio.ticks}
