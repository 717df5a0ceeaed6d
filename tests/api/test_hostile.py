from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.api.hostility import EVIL_OPTIONS, EVIL_URLS
from tests.api.serving import Shim
from tests.api.siege import besiege


@pytest.mark.parametrize("option", EVIL_OPTIONS, ids="-".join)
def test_a_refused_option_leaves_no_job_behind(lasting: Shim, option: dict[str, Any]) -> None:
    """A 4xx that names the option; nothing is stored and nothing is asked of the engine."""
    with lasting.client() as client:
        reply = client.post("/api/jobs", json={"urls": "http://127.0.0.1/x", "options": option})

    assert reply.status_code in {400, 422}, reply.text
    assert reply.json()["error"] == "invalid_json_payload"
    assert lasting.state.jobs.list() == []
    assert lasting.engine.asked == []


def test_addresses_we_must_not_fetch_are_refused(lasting: Shim) -> None:
    """API-20, API-25: every spelling of a private address, and every scheme but http and https."""
    with lasting.client() as client:
        replies = {url: client.post("/api/jobs", json={"urls": [url]}) for url in EVIL_URLS}

    accepted = {
        url: reply.status_code for url, reply in replies.items() if reply.status_code not in {400, 422}
    }
    assert accepted == {}
    assert len(replies) >= 40
    assert lasting.state.jobs.list() == []


def test_hostile_requests_break_nothing(tmp_path: Path) -> None:
    """API-18, short: wrong types, traversal, refused options, noise; see `besiege`."""
    besiege(tmp_path, 400)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_ten_thousand_hostile_requests_break_nothing(tmp_path: Path) -> None:
    """API-18: the same, ten thousand times."""
    besiege(tmp_path, 10_000)


def _schemathesis(served: Shim, *arguments: str) -> None:
    """Run it as a program: its pytest plug-in would patch our whole suite."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "schemathesis.cli",
            "run",
            f"{served.base}/api/v1/openapi.json",
            "--header",
            f"X-API-Token: {served.token}",
            "--exclude-path-regex",
            "events$",
            "--phases",
            "examples,fuzzing",
            "--checks",
            "not_a_server_error",
            "--no-color",
            *arguments,
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=1700,
        cwd=served.settings.storage.cache_dir,
    )

    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def test_requests_made_from_our_own_description_end_in_no_5xx(served: Shim) -> None:
    """Schemathesis over the OpenAPI document, short."""
    served.settings.storage.cache_dir.mkdir(parents=True)
    _schemathesis(served, "--max-examples", "3")


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_many_requests_made_from_our_own_description(served: Shim) -> None:
    """Schemathesis over the OpenAPI document, long."""
    served.settings.storage.cache_dir.mkdir(parents=True)
    _schemathesis(served, "--max-examples", "300")
