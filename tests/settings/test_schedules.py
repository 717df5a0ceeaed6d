"""The section `schedules`: what it takes, and what it refuses in which words."""

from __future__ import annotations

import pytest

from tests.settings.conftest import Load, Refusals


def test_a_schedule_is_read_by_deployment_name(load: Load) -> None:
    """All keys have defaults; a name may be any deployment's."""
    text = "schedules:\n  library-scan: {cron: '0 3 * * *', quiet_hours: '22:00-06:00', jitter: 60}\n"

    scan = load(text).schedules["library-scan"]

    assert (scan.cron, scan.interval, scan.timezone) == ("0 3 * * *", None, None)
    assert (scan.quiet_hours, scan.jitter, scan.active) == ("22:00-06:00", 60.0, True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cron: 0 3 * *", "expected five cron fields"),
        ("interval: 0", "seconds, more than 0"),
        ("jitter: -1", "seconds, 0 or more"),
        ("timezone: Europe/Berlyn", "expected a time zone such as"),
        ("timezone: /etc/passwd", "expected a time zone such as"),
        ("timezone: Europe", "expected a time zone such as"),
        ("quiet_hours: 22-06", "expected two different times of day"),
        ("quiet_hours: '24:00-06:00'", "expected two different times of day"),
        ("quiet_hours: '06:00-06:00'", "expected two different times of day"),
        ("cron: '@daily', interval: 60", "expected either `cron` or `interval`, not both"),
    ],
)
def test_a_wrong_schedule_is_told_what_would_be_accepted(
    refusals: Refusals, text: str, expected: str
) -> None:
    """One problem each, at the key where it stands."""
    (problem,) = refusals(f"schedules: {{scan: {{{text}}}}}")

    assert problem.key_path.startswith("schedules.scan")
    assert expected in problem.expected
