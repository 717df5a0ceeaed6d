"""When cookies expire, and when a site gets to see them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from vidra.engine.jobs.resolution import resolve
from vidra.errors import UsageError
from vidra.media.cookies import cookie_term
from vidra.settings import Settings, SubscriptionSettings

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def _file(tmp_path: Path, *cookies: tuple[str, datetime | None]) -> Path:
    lines = [
        f"{domain}\tTRUE\t/\tTRUE\t{0 if until is None else int(until.timestamp())}\tname\tvalue"
        for domain, until in cookies
    ]
    file = tmp_path / "cookies.txt"
    file.write_text("\n".join(["# Netscape HTTP Cookie File", *lines, ""]))
    return file


@pytest.mark.parametrize(
    ("days", "warning"),
    [
        (30, None),
        (3, "the cookies expire in 3 days, on 2026-11-24"),
        (-1, "the cookies expired on 2026-11-20"),
    ],
)
def test_cookies_that_expire_soon_are_told(tmp_path: Path, days: int, warning: str | None) -> None:
    """The last one that is for the site counts; those of other sites do not."""
    file = _file(
        tmp_path,
        ("#HttpOnly_.example.org", NOW + timedelta(days=days)),
        ("www.example.org", NOW - timedelta(days=90)),
        (".example.net", NOW + timedelta(days=400)),
    )
    term = cookie_term(file, ["https://www.example.org/list"])

    assert term.count == 2
    assert term.warning(now=NOW, warn_days=7) == warning


def test_a_file_without_cookies_for_the_site_is_told(tmp_path: Path) -> None:
    """It would be shown to nobody."""
    term = cookie_term(_file(tmp_path, (".example.net", None)), ["https://example.org/"])

    assert term.warning(now=NOW, warn_days=7) == "the cookie file has no cookies for these sites"


def test_what_is_no_cookie_file_is_refused(tmp_path: Path) -> None:
    """A browser's JSON export is the usual mistake."""
    file = tmp_path / "cookies.json"
    file.write_text('[{"name": "a"}]')
    with pytest.raises(UsageError, match="expected Netscape's format"):
        cookie_term(file, ["https://example.org/"])


@pytest.mark.parametrize(
    ("use", "plain", "refused"),
    [("never", False, False), ("when_needed", False, True), ("always", True, True)],
)
def test_a_site_sees_cookies_as_the_subscription_says(
    tmp_path: Path, use: str, plain: bool, refused: bool
) -> None:
    """At once, only after it has refused, or not at all."""
    file = _file(tmp_path, (".example.org", None))
    own = SubscriptionSettings.model_validate({"cookies": {"use": use, "file": str(file)}})
    settings = Settings.model_validate({"storage": {"data_dir": tmp_path / "data"}})

    shown = [
        "cookiefile" in resolve({}, preset=None, settings=settings, own=own, cookies=cookies).ydl_params
        for cookies in (False, True)
    ]
    assert shown == [plain, refused]
