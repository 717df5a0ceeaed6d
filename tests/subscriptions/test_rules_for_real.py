"""Rules that have to be shown on a real list."""

from __future__ import annotations

import pytest

from tests.subscriptions.studio import Studio

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def test_lookback_looks_no_further_down_the_list(studio: Studio) -> None:
    """Two of four, from the top; what was inherited is replaced by what is said."""
    feed = studio.url("/feed.rss")
    studio.declare(base={"rules": {"lookback": 3}}, far={"extends": "base", "urls": feed},
                   near={"extends": "base", "urls": feed, "rules": {"lookback": 2}})  # fmt: skip
    assert [item["title"] for item in studio.plan("near")] == ["Test clip 3", "Test clip 4"]
    assert len(studio.plan("far")) == 3


def test_presets_and_options_are_inherited_and_reach_the_files(studio: Studio) -> None:
    """Preset from one, output preset from another, options on top of both."""
    studio.declare(
        sound={"preset": "best-audio"},
        shown={"extends": "sound", "output_preset": "podcast", "options": {"show": "Mine"}},
        talks={"extends": "shown", "urls": studio.url("/pages/feed-1.rss")},
    )
    studio.run("talks")
    names = studio.shelf()
    assert names[0].startswith("Mine/2024-01-11 - Test clip 1 [")
    assert names[-1] == "Mine/cover.jpg"
