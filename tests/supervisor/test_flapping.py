"""Flapping is many changes, not much failure."""

from __future__ import annotations

import pytest

from vidra.supervisor.flapping import FlapDetector


def detector(probes: str) -> FlapDetector:
    """Return a detector that has seen these probes, `S` good and `F` bad."""
    made = FlapDetector()
    for probe in probes:
        made.add(good=probe == "S")
    return made


@pytest.mark.parametrize(
    ("probes", "flapping"),
    [
        ("S" * 21, False),
        ("F" * 21, False),
        ("SF" * 3, False),  # 5 changes of 20: a short history is not flapping yet
        ("SF" * 4, True),  # 7 of 20
        ("SF" * 4 + "S" * 13, True),  # still 7 in the window
        ("SF" * 4 + "S" * 15, True),  # 6 of 20: below the rise, above the fall
        ("SF" * 4 + "S" * 18, False),  # 3 of 20
    ],
)
def test_the_share_of_changes_in_the_last_21_probes_decides(probes: str, flapping: bool) -> None:
    """Rises above 30 %, falls below 20 %, so that the flag does not flap itself."""
    assert detector(probes).flapping is flapping


def test_only_a_change_of_the_flag_is_news() -> None:
    """One alert when it begins and one when it ends."""
    made = FlapDetector()
    news = [made.add(good=n % 2 == 0) for n in range(21)] + [made.add(good=True) for _ in range(21)]

    assert sum(news) == 2


def test_clearing_forgets_everything() -> None:
    """An operator's reset begins anew."""
    made = detector("SF" * 10)
    made.clear()

    assert not made.flapping
    assert not made.add(good=False)
