"""The owner's cookies against a site that wants them: who gets to see them, and who does not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.site.server import Request
from tests.subscriptions.studio import Studio

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

NEEDED = ("/f/cookiegood,tag{}/pages/feed-2.rss", "/files/2/cookiegood,tag{}/vid001.mp4.rss")
"""A list behind a sign-in with open items; an open list whose items are behind one."""
TEXT = "# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t0\tsession\tgood\n"


def run(studio: Studio, url: str, use: str) -> Sequence[Request]:
    """Run a subscription with these cookies; return what the site was asked."""
    file = studio.workshop.root / "cookies.txt"
    file.write_text(TEXT)
    file.chmod(0o400)
    studio.declare(
        talks={
            "urls": studio.url(url.format(studio.workshop.tag)),
            "cookies": {"use": use, "file": str(file)},
        }
    )
    before = len(studio.workshop.site.requests())
    studio.run("talks")
    assert Path(file).read_text() == TEXT
    return studio.workshop.site.requests()[before:]


def shown(requests: Sequence[Request], containing: str = "") -> set[bool]:
    """Return whether the cookie was shown, over the requests whose path contains the text."""
    return {"session=good" in one.headers.get("cookie", "") for one in requests if containing in one.path}


@pytest.mark.parametrize("url", [NEEDED[0], pytest.param(NEEDED[1], marks=pytest.mark.long)])
def test_never_means_never(studio: Studio, url: str) -> None:
    """What is refused stays refused, and no request has the cookie."""
    requests = run(studio, url, "never")
    assert shown(requests) == {False}
    assert studio.last("talks").result == "failed"
    assert studio.shelf() == []


@pytest.mark.long
@pytest.mark.parametrize("url", NEEDED)
def test_always_means_each_request(studio: Studio, url: str) -> None:
    """List, pages and files."""
    requests = run(studio, url, "always")
    assert shown(requests) == {True}
    assert studio.last("talks").downloaded == 2


def test_a_list_that_needs_them_gets_to_see_them_and_its_open_items_do_not(studio: Studio) -> None:
    """First without; the refused list once more with."""
    requests = run(studio, NEEDED[0], "when_needed")
    assert [shown([one]) for one in requests if "feed-2" in one.path] == [{False}, {True}]
    assert shown(requests, "/v/") == shown(requests, "/m/") == {False}
    assert studio.last("talks").downloaded == 2


def test_an_item_that_needs_them_gets_to_see_them_and_its_open_list_does_not(studio: Studio) -> None:
    """The file is asked for without, refused, and asked for with."""
    requests = run(studio, NEEDED[1], "when_needed")
    assert shown(requests, ".rss") == {False}
    files = [one for one in requests if one.path.startswith("/f/")]
    assert {one.status for one in files if shown([one]) == {False}} == {403}
    assert {one.status for one in files if shown([one]) == {True}} <= {200, 206}
    assert studio.last("talks").downloaded == 2


@pytest.mark.long
def test_cookies_that_do_not_help_leave_an_error_that_says_so(studio: Studio) -> None:
    """A session that has ended on the site: refused with cookies too, told as the site told it."""
    run(studio, "/f/cookieother,tag{}/pages/feed-2.rss", "when_needed")
    note = studio.last("talks")
    assert note.result == "failed"
    assert "403" in (note.message or "")
    assert "good" not in (note.message or "")
