"""What a page in a real browser can do to the server: nothing, unless its owner was named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.browsing import PAGE, ForeignSite, browser_at, find_browser
from tests.api.serving import Shim, settings_in, shim

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_browser() is None, reason="no chromium here to open pages with"),
]


@pytest.fixture
def site() -> Iterator[ForeignSite]:
    """Run somebody else's web server."""
    found = ForeignSite()
    yield found
    found.close()


def _tried(site: ForeignSite, served: Shim, origin: str, profile: Path) -> dict[str, Any]:
    """Open the page from this origin; return what came of each attempt. It even knows the token."""
    site.page = PAGE % {"base": json.dumps(served.base), "token": json.dumps(served.token)}
    with browser_at(f"{origin}/", profile):
        return site.results.get(timeout=60)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1"])
def test_a_foreign_page_can_do_nothing(tmp_path: Path, site: ForeignSite, host: str) -> None:
    """API-05, API-06: neither read, nor trigger, nor listen: not even from another port of this machine."""
    with shim(tmp_path, supervised=True) as served:
        found = _tried(site, served, f"http://{host}:{site.port}", tmp_path / "profile")
        jobs, asked = served.state.jobs.list(), served.engine.asked
        assert served.thread.is_alive()

    sent_blindly = {"post a form": "sent", "post a job as text": "opaque"}
    assert {name: came for name, came in found.items() if came != "blocked"} in (
        sent_blindly,
        {"post a form": "sent"},
    )
    assert (jobs, asked) == ([], [])


def test_a_page_that_was_allowed_can_do_what_it_needs(tmp_path: Path, site: ForeignSite) -> None:
    """The same page from an origin its owner named: so the test above could fail."""
    origin = f"http://good.example:{site.port}"
    with shim(tmp_path, settings=settings_in(tmp_path, allowed_origins=[origin])) as served:
        found = _tried(site, served, origin, tmp_path / "profile")
        jobs = served.state.jobs.list()

    assert found["read jobs with the token"] == "answered 200"
    assert found["post a job with the token"] == "answered 201"
    assert (found["overview socket"], found["event socket"]) == ("opened", "opened")
    assert found["event source"] == "blocked", "it cannot show the token"
    assert len(jobs) == 1


def test_a_name_that_is_bound_to_this_machine_shows_nothing(tmp_path: Path) -> None:
    """API-10: the browser takes the page for its own origin; the server does not go by that name."""
    with shim(tmp_path) as served:
        url = f"http://rebound.example:{served.port}/"
        with browser_at(url, tmp_path / "profile", "--dump-dom") as browser:
            shown, _ = browser.communicate(timeout=60)
        own = f"http://localhost:{served.port}/"
        with browser_at(own, tmp_path / "profile", "--dump-dom") as browser:
            mine, _ = browser.communicate(timeout=60)

    assert "host_not_allowed" in shown
    assert "Vidra" not in shown
    assert "Vidra Download Service" in mine, "by its own name it answers"
