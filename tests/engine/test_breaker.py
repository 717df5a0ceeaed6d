"""When a site is left alone and when it is tried again: the rule by itself, time handed in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vidra.engine.politeness.breaker import PROBE_LIMIT, Breaker, Phase, Rule

RULE = Rule(refusals=3, window=600.0, pause=60.0, longest=1000.0)


def _refused(breaker: Breaker, *moments: float, who: str = "a", after: float | None = None) -> Breaker:
    for now in moments:
        breaker = breaker.refused(who, now, rule=RULE, reason="429", retry_after=after)
    return breaker


def _open() -> Breaker:
    """Return a breaker that opened at 2 and is open until 62."""
    return _refused(Breaker(), 0.0, 1.0, 2.0)


def test_enough_refusals_in_the_window_open_it() -> None:
    """Two do not, three do, and the pause counts from the last one."""
    assert _refused(Breaker(), 0.0, 1.0).phase is Phase.CLOSED
    assert (_open().phase, _open().until, _open().opened) == (Phase.OPEN, 62.0, 1)


def test_refusals_further_apart_than_the_window_do_not_count_together() -> None:
    """A site that is cross once an hour is asked on."""
    assert _refused(Breaker(), 0.0, 500.0, 700.0, 1400.0).phase is Phase.CLOSED


def test_an_answer_in_between_forgets_the_refusals() -> None:
    """Refusals have to be in a row."""
    assert _refused(_refused(Breaker(), 0.0, 1.0).answered("a"), 2.0).phase is Phase.CLOSED


def test_a_site_that_names_a_long_time_is_left_alone_at_once() -> None:
    """`Retry-After` beyond the first pause counts as said clearly enough; a short one does not."""
    assert _refused(Breaker(), 0.0, after=30.0).phase is Phase.CLOSED
    assert _refused(Breaker(), 0.0, after=300.0).until == 300.0


def test_nobody_asks_while_it_is_open() -> None:
    """Not even who was refused; at its time, one may."""
    assert not _open().admits("a", 61.9)
    assert _open().admits("b", 62.0)


def test_only_one_tries_a_half_open_site() -> None:
    """The others wait for what becomes of it; the one may try again."""
    trying = _open().admitted("a", 62.0)

    assert trying.phase is Phase.HALF_OPEN
    assert (trying.admits("a", 63.0), trying.admits("b", 63.0)) == (True, False)


def test_a_probe_that_never_came_back_is_replaced() -> None:
    """Its process may have been killed."""
    assert _open().admitted("a", 62.0).admits("b", 62.0 + PROBE_LIMIT)


def test_an_answer_to_the_probe_closes_it_for_all() -> None:
    """And everything before is forgotten, the length of the next pause included."""
    assert _open().admitted("a", 62.0).answered("a") == Breaker()


def test_a_refused_probe_doubles_the_pause_up_to_the_longest() -> None:
    """60, 120, 240 … and never more than the owner allows."""
    breaker, pauses = _open(), []
    for _ in range(6):
        now = breaker.until
        breaker = _refused(breaker.admitted("a", now), now)
        pauses.append(breaker.until - now)
    assert pauses == [120.0, 240.0, 480.0, 960.0, 1000.0, 1000.0]


def test_news_from_before_the_pause_changes_nothing() -> None:
    """Downloads that were under way when it opened end one way or the other."""
    assert _open().answered("late") == _open()
    assert _refused(_open(), 5.0, who="late") == _open()


def test_a_probe_that_learns_nothing_lets_the_next_one_try_at_once() -> None:
    """A broken connection or a cancelled job says nothing about the site's mood."""
    given_up = _open().admitted("a", 62.0).given_up("a", 70.0)

    assert (given_up.phase, given_up.opened) == (Phase.OPEN, 1)
    assert given_up.admits("b", 70.0)


def test_zero_refusals_switch_it_off() -> None:
    """Some owners know better."""
    never = Rule(refusals=0, window=600.0, pause=60.0, longest=1000.0)
    breaker = Breaker()
    for now in range(20):
        breaker = breaker.refused("a", float(now), rule=never, reason="429", retry_after=9999.0)
    assert breaker.phase is Phase.CLOSED


@given(st.lists(st.tuples(st.sampled_from("rags"), st.sampled_from("ab"), st.floats(0, 2000)), max_size=40))
def test_no_story_leaves_a_site_closed_for_ever(story: list[tuple[str, str, float]]) -> None:
    """Whatever happens, at some moment within the longest pause somebody may ask."""
    breaker, now = Breaker(), 0.0
    for what, who, passed in story:
        now += passed
        if what == "r":
            breaker = breaker.refused(who, now, rule=RULE, reason="429")
        elif what == "a":
            breaker = breaker.answered(who)
        elif what == "g":
            breaker = breaker.given_up(who, now)
        elif breaker.admits(who, now):
            breaker = breaker.admitted(who, now)
        assert breaker.admits("somebody", now + max(RULE.longest, PROBE_LIMIT))
