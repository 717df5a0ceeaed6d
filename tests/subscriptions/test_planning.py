"""Rules, order, plan and guard: pure, and so told in examples."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from vidra.media.interface import MediaEntry
from vidra.media.lists.guard import suspicion
from vidra.media.lists.plan import Decision, Known, Plan, make_plan
from vidra.media.lists.rules import Rules, Verdict, day_of
from vidra.settings.subscriptions import ListOrder, RuleSettings

TODAY = date(2026, 3, 31)
ITEM = MediaEntry(
    key="site a", url="https://example.org/watch/a", index=1, title="A talk about trains", duration=600.0,
    upload_date="2026-03-01", availability="public", live_status="not_live",
)  # fmt: skip


def _items(count: int, **fields: object) -> list[MediaEntry]:
    made = [
        replace(ITEM, key=f"site {n}", url=f"https://example.org/watch/{n}", index=n)
        for n in range(1, count + 1)
    ]
    return [replace(one, **fields) for one in made]  # type: ignore[arg-type]  # fields are the test's own words


def _plan(
    items: list[MediaEntry], *, order: ListOrder = ListOrder.AUTO, known: Known | None = None, **rules: object
) -> Plan:
    settings = RuleSettings.model_validate(rules)
    return make_plan(
        [items],
        rules=Rules(settings, today=TODAY),
        order=order,
        known=known or Known(),
        max_items=settings.max_items,
    )


@pytest.mark.parametrize(
    ("rules", "item", "reason"),
    [
        ({"after": "30 days"}, {"upload_date": "2026-02-28"}, "after: 2026-03-01, published 2026-02-28"),
        ({"before": "2026-03-01"}, {"upload_date": "2026-03-02"}, "before: 2026-03-01, published 2026-03-02"),
        ({"title_exclude": ["TRAINS?"]}, {}, "title_exclude: TRAINS?"),
        ({"title_include": "planes"}, {}, "title_include: none of them is in the title"),
        ({"min_duration": 601}, {}, "min_duration: 601 s, is 600 s"),
        ({"max_duration": 599}, {}, "max_duration: 599 s, is 600 s"),
        ({"availability": ["unlisted"]}, {}, "availability: unlisted, is public"),
        ({"shorts": "exclude"}, {"url": "https://example.org/shorts/a"}, "shorts: exclude"),
        ({"shorts": "only"}, {}, "shorts: only"),
        ({"live": "exclude"}, {"live_status": "was_live"}, "live: exclude"),
        ({"live": "only"}, {}, "live: only"),
        ({"members": "exclude"}, {"availability": "subscriber_only"}, "members: exclude"),
        ({"members": "only"}, {}, "members: only"),
    ],
)
def test_each_rule_refuses_what_it_names_and_nothing_else(
    rules: dict[str, object], item: dict[str, object], reason: str
) -> None:
    """The reason names the rule and what it met."""
    judge = Rules(RuleSettings.model_validate(rules), today=TODAY).judge
    refused = judge(replace(ITEM, **item))  # type: ignore[arg-type]  # fields are the test's own words

    assert (refused.verdict, refused.reason) == (Verdict.UNWANTED, reason)
    assert Rules(RuleSettings(), today=TODAY).judge(ITEM).verdict is Verdict.WANTED


def test_what_the_list_does_not_tell_is_left_to_the_page() -> None:
    """And what even the page does not tell speaks for the item."""
    rules = Rules(RuleSettings(after="1 year", min_duration=60.0), today=TODAY)
    bare = replace(ITEM, upload_date=None, duration=None)

    assert rules.judge(bare).verdict is Verdict.UNDECIDED
    assert rules.judge(bare).reason == "the list does not tell its date, its length"
    assert rules.judge(bare, complete=True).verdict is Verdict.WANTED


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("30 days", date(2026, 3, 1)),
        ("2 weeks", date(2026, 3, 17)),
        ("1 month", date(2026, 2, 28)),
        ("3 months", date(2025, 12, 31)),
        ("2 years", date(2024, 3, 31)),
        ("2025-01-02", date(2025, 1, 2)),
    ],
)
def test_a_time_ago_is_a_day_of_the_calendar(text: str, day: date) -> None:
    """Months end where they end."""
    assert day_of(text, TODAY) == day


def test_a_stream_that_runs_waits_for_a_later_run() -> None:
    """It is neither downloaded nor left out for good."""
    (item,) = _plan(_items(1, live_status="is_live")).items

    assert (item.decision, item.reason) == (Decision.LATER, "the stream is not over (is_live)")


@pytest.mark.parametrize(
    ("order", "dates", "expected"),
    [
        (ListOrder.AUTO, None, "3 2 1"),
        (ListOrder.AUTO, ("2026-03-01", "2026-03-02", "2026-03-03"), "1 2 3"),
        (ListOrder.AUTO, ("2026-03-03", "2026-03-01", "2026-03-01"), "3 2 1"),
        (ListOrder.OLDEST_FIRST, None, "1 2 3"),
        (ListOrder.NEWEST_FIRST, ("2026-03-01", "2026-03-02", "2026-03-03"), "3 2 1"),
    ],
)
def test_downloads_are_oldest_first(order: ListOrder, dates: tuple[str, ...] | None, expected: str) -> None:
    """So that an interruption never skips older items; without dates lists count as newest first."""
    items = _items(3, upload_date=None)
    if dates:
        items = [replace(item, upload_date=day) for item, day in zip(items, dates, strict=True)]

    assert (
        " ".join(entry.key.removeprefix("site ") for entry in _plan(items, order=order).downloads) == expected
    )


def test_every_item_has_one_decision_and_a_run_takes_the_oldest() -> None:
    """Archive, tombstones, unfinished jobs and failures come before rules and the limit of a run."""
    items = _items(8)
    known = Known(
        archived=frozenset({"site 8", "site 7"}),
        deleted={"site 7": "watched"},
        under_way={"site 6": "job x"},
        resting={"site 5": "failed 1×"},
        left_out={"site 4": "too long"},
    )
    plan = _plan(items, order=ListOrder.NEWEST_FIRST, known=known, max_items=1)

    assert [item.decision.value for item in plan.items] == [
        "archived", "deleted", "under_way", "later", "unwanted", "download", "later", "later",
    ]  # fmt: skip
    assert [entry.key for entry in plan.downloads] == ["site 3"]
    assert (plan.held, plan.fresh) == (2, 4)


def test_a_page_that_another_list_had_downloaded_is_not_fetched_again() -> None:
    """Feeds give the same page keys of their own; a page that holds several items says nothing."""
    known = Known(archived=frozenset({"feed x"}), addresses={ITEM.url: "feed x"})
    alone = _plan([ITEM], known=known)
    crowded = _plan([ITEM, replace(ITEM, key="site b")], known=known)

    assert [item.decision for item in alone.items] == [Decision.ARCHIVED]
    assert alone.archived_keys == {"feed x"}
    assert len(crowded.downloads) == 2


@pytest.mark.parametrize(
    ("archived", "held_before", "max_items", "refused"),
    [(0, 10, None, True), (0, 10, 2, True), (6, 10, None, False), (0, 4, None, False), (0, 30, None, False)],
)
def test_only_a_plan_that_fetches_everything_again_is_refused(
    archived: int, held_before: int, max_items: int | None, refused: bool
) -> None:
    """Half the archive must be gone and nearly all planned; small lists and shrunken ones are left alone."""
    known = Known(archived=frozenset(f"site {n}" for n in range(1, archived + 1)))
    plan = _plan(_items(10), known=known, max_items=max_items)

    assert (suspicion(plan, held_before=held_before) is not None) is refused
