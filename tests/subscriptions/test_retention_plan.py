"""Plans of removals: which items go, why, and that never more go than must."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from vidra.media.lists.retention import Fate, Item, RemovalPlan, plan_removals
from vidra.settings.retention import RetentionSettings

TODAY = date(2026, 11, 21)


def _item(number: int, *lists: str, age: int, size: int = 10, title: str = "") -> Item:
    day = TODAY - timedelta(days=age)
    return Item(
        key=f"site {number}", lists=lists or ("talks",), title=title or f"Talk {number}", size=size,
        path=f"Season {day.year}/talk {number}.mp4", uploaded=day, downloaded=TODAY, volume=1,
    )  # fmt: skip


def _plan(items: list[Item], free: int = 1000, only: str | None = None, **policies: object) -> RemovalPlan:
    bounds = {name: RetentionSettings.model_validate(bound) for name, bound in policies.items()}
    names = None if only is None else (only,)
    return plan_removals(items, policies=bounds, today=TODAY, free={1: free}, only=names)


def _told(plan: RemovalPlan) -> Mapping[str, tuple[str, str]]:
    return {one.item.key: (one.fate.value, one.reason) for one in plan.rulings}


def test_every_bound_says_why_an_item_goes() -> None:
    """The golden plan of age, number, bytes and room, and of what protects."""
    items = [_item(n, age=n * 10, title="My FAVOURITE" if n == 9 else "") for n in range(10)]
    bounds = {
        "max_age_days": 75, "max_items": 7, "max_bytes": 60, "keep": ["*favourite*", "season 2026/talk 4*"],
        "free_space": 1030,
    }  # fmt: skip
    assert dict(_told(_plan(items, free=970, talks=bounds))) == {
        "site 9": ("keep", "keep: *favourite*"),
        "site 8": ("remove", "max_age_days: 80 days old, 75 allowed"),
        "site 7": ("remove", "max_items: 7 newer ones stay"),
        "site 6": ("remove", "max_bytes: 80 bytes, 60 allowed"),
        "site 5": ("remove", "max_bytes: 70 bytes, 60 allowed"),
        "site 4": ("keep", "keep: season 2026/talk 4*"),
        "site 3": ("remove", "free_space: 1010 bytes free, 1030 wanted"),
        "site 2": ("remove", "free_space: 1020 bytes free, 1030 wanted"),
        "site 1": ("keep", "within the bounds"),
        "site 0": ("keep", "within the bounds"),
    }


def test_the_newest_stay_whatever_the_bounds_say() -> None:
    """`keep_newest` wins over age."""
    plan = _plan([_item(n, age=100 + n) for n in range(4)], talks={"max_age_days": 7, "keep_newest": 2})
    assert [one.item.key for one in plan.removals] == ["site 3", "site 2"]


def test_age_counts_from_the_day_that_was_chosen() -> None:
    """An old video that was downloaded today is new by download, and one without a day is as old as that."""
    old = [_item(1, age=900), Item(key="site 2", lists=("talks",), downloaded=TODAY, volume=1)]
    by_upload = _plan(old, talks={"max_age_days": 30})
    by_download = _plan(old, talks={"max_age_days": 30, "age_by": "download"})
    assert [one.item.key for one in by_upload.removals] == ["site 1"]
    assert not by_download.removals


def test_an_item_that_another_subscription_keeps_stays() -> None:
    """It goes only when both let it go; one that nobody declares any more has no say."""
    items = [_item(1, "talks", "best", age=50), _item(2, "talks", "dropped", age=50)]
    told = _told(_plan(items, talks={"max_age_days": 7}, best={}))
    assert told == {
        "site 1": ("shared", "kept by best"),
        "site 2": ("remove", "max_age_days: 50 days old, 7 allowed"),
    }
    both = _plan(items, talks={"max_age_days": 7}, best={"max_items": 1, "max_age_days": 9})
    assert len(both.removals) == 2


def test_one_subscription_alone_touches_nothing_of_the_others() -> None:
    """Though both are over their bounds; what no subscription names is not even looked at."""
    items = [_item(1, "one", age=50), _item(2, "two", age=50), _item(3, "nobody", age=50)]
    bound = {"max_age_days": 7}
    assert list(_told(_plan(items, only="two", one=bound, two=bound))) == ["site 2"]


def test_losing_nearly_everything_is_doubted() -> None:
    """All of two, or four of five; but not the only one, nor half."""
    bound = {"max_age_days": 7}
    ages = {"one": [9], "two": [9, 9], "five": [1, 9, 9, 9, 9], "half": [1, 1, 1, 9, 9, 9]}
    items = [
        _item(number * 10 + place, name, age=age)
        for number, (name, found) in enumerate(ages.items())
        for place, age in enumerate(found)
    ]
    assert sorted(_plan(items, one=bound, two=bound, five=bound, half=bound).doubts) == ["five", "two"]


_ITEMS = st.lists(
    st.builds(
        _item,
        st.integers(0, 10_000),
        st.sampled_from(["one", "two"]),
        age=st.integers(0, 60),
        size=st.integers(0, 50),
        title=st.sampled_from(["", "a favourite"]),
    ),
    max_size=15,
    unique_by=lambda item: item.key,
)
_SHARED = _ITEMS.map(
    lambda items: [
        replace(item, lists=("one", "two")) if place % 3 == 0 else item for place, item in enumerate(items)
    ]
)
_BOUNDS = st.fixed_dictionaries(
    {},
    optional={
        "max_age_days": st.integers(1, 60),
        "max_items": st.integers(1, 15),
        "max_bytes": st.integers(1, 400),
        "free_space": st.integers(1, 400),
        "keep": st.sampled_from([[], ["*favourite*"]]),
        "keep_newest": st.integers(0, 4),
        "age_by": st.sampled_from(["upload", "download"]),
    },
)


@hypothesis_settings(max_examples=150, deadline=None)
@given(items=_SHARED, one=_BOUNDS, two=_BOUNDS, free=st.integers(0, 300))
def test_carrying_a_plan_out_twice_changes_nothing_more(
    items: list[Item], one: dict[str, object], two: dict[str, object], free: int
) -> None:
    """The plan of what is left, with the room that was made, is empty."""
    first = _plan(items, free=free, one=one, two=two)
    gone = {ruling.item.key for ruling in first.removals}
    left = [item for item in items if item.key not in gone]
    assert not _plan(left, free=free + first.freed, one=one, two=two).removals


@hypothesis_settings(max_examples=150, deadline=None)
@given(items=_SHARED, one=_BOUNDS, two=_BOUNDS, free=st.integers(0, 300))
def test_what_is_protected_never_goes(
    items: list[Item], one: dict[str, object], two: dict[str, object], free: int
) -> None:
    """Neither by pattern nor the newest, in whichever subscription; and no bound, no removal."""
    plan = _plan(items, free=free, one=one, two=two)
    bounded = {"max_age_days", "max_items", "max_bytes", "free_space"}
    for ruling in plan.removals:
        for name, bound in (("one", one), ("two", two)):
            if name in ruling.item.lists:
                assert not (bound.get("keep") and "favourite" in ruling.item.title)
                assert bounded & bound.keys()
        assert ruling.reason
    for name, bound in (("one", one), ("two", two)):
        own = [ruling for ruling in plan.rulings if name in ruling.item.lists]
        stays = sum(ruling.fate is not Fate.REMOVE for ruling in own)
        assert stays >= min(len(own), int(str(bound.get("keep_newest", 0))))


@hypothesis_settings(max_examples=150, deadline=None)
@given(items=_ITEMS, bytes_=st.integers(1, 400), free=st.integers(0, 300), floor=st.integers(1, 400))
def test_never_more_goes_than_must(items: list[Item], bytes_: int, free: int, floor: int) -> None:
    """Without the last that went for room or bytes, the bound would still be broken."""
    own = [item for item in items if "one" in item.lists]
    for bound, has, wanted in (
        ("max_bytes", -sum(item.size for item in own), -bytes_),
        ("free_space", free, floor),
    ):
        plan = _plan(own, free=free, one={bound: abs(wanted)})
        if plan.removals:
            assert has + plan.freed - plan.removals[-1].item.size < wanted
        assert has + plan.freed >= wanted or len(plan.removals) == sum(item.size > 0 for item in own)
