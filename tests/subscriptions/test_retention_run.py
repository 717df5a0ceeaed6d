"""Retention as it happens: at the end of real subscription runs, and from the command line."""

from __future__ import annotations

import json

import pytest

from tests.cli.shell import Shell
from tests.flows.workshop import ask_prefect
from tests.subscriptions.studio import Studio

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def test_a_run_ends_with_retention_and_the_next_fetches_nothing_again(studio: Studio) -> None:
    """The oldest of four goes with its sidecars; it stays archived, and a dry run only says what would go."""
    feed = studio.url("/feed.rss")
    studio.declare(talks={"urls": feed})
    studio.run("talks")
    for media in list((studio.workshop.root / "library").glob("*.mp4")):
        media.with_suffix(".nfo").write_bytes(b"x")
    before = studio.shelf()
    bounded = {"urls": feed, "retention": {"max_items": 3}}
    studio.declare(talks=bounded)
    outcome = studio.run("talks", dry_run=True)
    with studio.book() as book:
        kept = book.plan(outcome.flow_run_id or "", "talks")
    assert kept is not None
    (foreseen,) = kept["removals"]
    assert studio.shelf() == before
    studio.run("talks")
    after = studio.shelf()
    studio.run("talks")

    assert foreseen["reason"] == "max_items: 3 newer ones stay"
    gone = [name for name in before if name not in after]
    assert len(before) == 8
    assert len(gone) == 2
    assert foreseen["path"] in gone
    assert studio.shelf() == after
    assert (studio.last("talks").result, studio.last("talks").planned) == ("ok", 0)
    assert foreseen["key"] in studio.archive()
    with studio.holdings() as holdings:
        assert list(holdings.tombstones()) == [foreseen["key"]]
    tables = ask_prefect("/artifacts/filter", {"artifacts": {"key": {"any_": ["retention-talks"]}}})
    assert any(foreseen["path"] in table["data"] for table in tables)


def test_a_refused_retention_does_not_fail_the_downloads(studio: Studio) -> None:
    """A bound that would empty the library is told and not carried out."""
    studio.declare(talks={"urls": studio.url("/feed.rss"), "retention": {"max_bytes": 1}})
    studio.run("talks")
    assert (studio.last("talks").result, studio.last("talks").downloaded) == ("ok", 4)
    assert len(studio.shelf()) == 4


def test_retention_is_planned_and_applied_by_hand(shell: Shell) -> None:
    """Plans as a table and as JSON; what would take everything wants `--yes`; unknown names are refused."""
    url = shell.site.url("/pages/feed-2.rss")
    with shell.config.open("a", encoding="utf-8") as file:
        file.write(f"subscriptions:\n  talks: {{urls: '{url}', retention: {{max_bytes: 1}}}}\n")
    assert shell.run("subscription", "run", "talks").returncode == 0
    planned = json.loads(shell.run("retention", "plan", "--json").stdout)
    table = shell.run("retention", "plan", "--subscription", "talks")
    refused = shell.run("retention", "apply")
    assert (planned["remove"], len(shell.shelf())) == (2, 2)
    assert "2 of 2 items would go" in table.stdout
    assert (refused.returncode, "2 of the 2 items" in refused.stderr) == (1, True)

    done = shell.run("retention", "apply", "--json", "--yes")
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["removed"]) == 2
    assert shell.shelf() == []
    wrong = shell.run("retention", "plan", "-s", "talk")
    assert (wrong.returncode, "did you mean `talks`?" in wrong.stderr) == (2, True)
