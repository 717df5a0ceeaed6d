"""The generic face's routes about subscriptions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.serving import Shim, settings_in, shim
from vidra.engine.subscriptions.view import book_of
from vidra.settings import Settings
from vidra.state.subscriptions import RunNote, RunResult

AT = "2026-11-20T20:21:59.418625Z"
DECLARED = {
    "house": {},
    "talks": {"urls": ["http://ana:hunter22@127.0.0.1/feed.rss"], "schedule": {"interval": 3600}},
}


@pytest.fixture
def subscribed(tmp_path: Path) -> Iterator[Shim]:
    """Run a shim with one subscription, and one that is only there to be extended."""
    known = settings_in(tmp_path).model_dump(exclude_unset=True)
    settings = Settings.model_validate({**known, "subscriptions": DECLARED})
    with shim(tmp_path, settings=settings) as running:
        yield running


def test_subscriptions_are_listed_shown_paused_and_resumed(subscribed: Shim) -> None:
    """With when they run and how they fared, and without what stands before the @ of an address."""
    with book_of(subscribed.settings) as book:
        book.note("talks", RunNote(started_at=AT, finished_at=AT, result=RunResult.OK, listed=3), held=2)
    with subscribed.client() as client:
        (listed,) = client.get("/api/v1/subscriptions").json()["subscriptions"]
        shown = client.get("/api/v1/subscriptions/talks")
        paused = [client.post("/api/v1/subscriptions/talks/pause").json() for _ in range(2)]
        resumed = client.post("/api/v1/subscriptions/talks/resume").json()

    assert (listed["name"], listed["held"], listed["paused"]) == ("talks", 2, False)
    assert listed["last_run"]["result"] == "ok"
    assert [run["listed"] for run in shown.json()["runs"]] == [3]
    assert "hunter22" not in shown.text
    assert [(one["paused"], one["next_run"]) for one in paused] == [(True, None)] * 2
    assert resumed["paused"] is False


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("POST", "/pause"), ("POST", "/resume")])
def test_an_unknown_subscription_is_a_404_that_helps(subscribed: Shim, method: str, path: str) -> None:
    """With the name that was probably meant."""
    with subscribed.client() as client:
        answer = client.request(method, f"/api/v1/subscriptions/talk{path}")

    assert (answer.status_code, answer.json()["code"]) == (404, "subscription_not_found")
    assert "talks" in answer.json()["detail"]
