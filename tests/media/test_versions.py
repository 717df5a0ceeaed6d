"""Old and unsafe versions of yt-dlp are told apart."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from vidra.clock import ManualClock
from vidra.errors import ConfigError
from vidra.media.versions import check_yt_dlp, yt_dlp_age_days, yt_dlp_version


@pytest.mark.parametrize("version", ["2026.7.3", "2026.06.09", "2024.12.31", "2026.7.3.232323.dev0"])
def test_an_old_yt_dlp_is_refused(version: str) -> None:
    """SEC-09: the message names the version, the floor and the remedy."""
    with pytest.raises(ConfigError, match=r"2026\.7\.4 or newer") as caught:
        check_yt_dlp(version)
    assert version in str(caught.value)


@pytest.mark.parametrize("version", ["2026.7.4", "2026.07.04", "2026.10.26", "2027.1.1"])
def test_a_safe_yt_dlp_passes(version: str) -> None:
    """The floor itself is safe."""
    check_yt_dlp(version)


def test_the_installed_one_is_safe_and_has_an_age() -> None:
    """Days since the release that its version names."""
    check_yt_dlp()
    year, month, day = (int(part) for part in yt_dlp_version().split(".")[:3])
    clock = ManualClock(datetime(year, month, day, tzinfo=UTC))
    clock.advance(3 * 86_400)
    assert yt_dlp_age_days(clock) == 3
