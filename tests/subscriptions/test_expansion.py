"""The playlist-expansion flow on real lists: what arrives, what is remembered, what a failure does."""

from __future__ import annotations

from tests.subscriptions.studio import Studio


def test_a_subscription_brings_what_is_new_and_then_nothing(studio: Studio) -> None:
    """The first run fetches the list, the second finds it archived and makes no job."""
    studio.declare(talks={"urls": studio.url("/feed.rss")})
    studio.run("talks")
    first = studio.last("talks")
    studio.run("talks")
    second = studio.last("talks")

    assert (first.result, first.planned, first.downloaded) == ("ok", 4, 4)
    assert (second.result, second.planned, second.listed) == ("ok", 0, 4)
    assert len(studio.shelf()) == 4
    assert len(studio.jobs()) == 1
    assert studio.standing("talks").held == 4
