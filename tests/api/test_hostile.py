from __future__ import annotations

import copy
import itertools
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.api.filling import add_job, add_list
from tests.api.serving import Shim, settings_in, shim
from vidra.errors import Missing
from vidra.media.interface import Listing
from vidra.redaction import redact_url

CANARY = "canary-9f8e7d6c5b4a"
EVIL_OPTIONS: list[dict[str, Any]] = [
    {"exec": "touch /tmp/pwned"},
    {"exec_cmd": ["id"]},
    {"external_downloader": "curl"},
    {"netrc_cmd": "id"},
    {"enable_file_urls": True},
    {"batch_file": "/etc/passwd"},
    {"plugin_dirs": ["/tmp"]},
    {"cookies": "/etc/passwd"},
    {"cookies_from_browser": "chrome"},
    {"ffmpeg_location": "/tmp/evil", "exec": "x"},
    {"paths": {"home": "/etc"}},
    {"paths": {"home": "../../etc"}},
    {"proxy": "http://evil:1"},
    {"load_info_json": "/etc/passwd"},
    {"download_archive": "/etc/x"},
    {"cli_args": ["--exec", "id"]},
    {"cli": "--exec id"},
    {"print_to_file": ["x", "/tmp/x"]},
    {"no_such_option": 1},
    {"format": [5]},
    {"playlist_items": "1-999999999999"},
    {"retries": -1},
    {"concurrent_fragments": 10**9},
    {"postprocessors": [{"key": "Exec"}]},
    {"format": "x" * 5000},
    {"sub_langs": [[[]]]},
    {"paths": 5},
    {"remote_components": ["x"]},
    {"impersonate": "chrome"},
    {"compat_opts": ["all"]},
    {"write_link": True},
]
EVIL_URLS = [
    "http://10.0.0.1/",
    "http://2130706434/",
    "http://0x7f.2/",
    "http://0177.0.0.2/",
    "http://127.2/",
    "http://0.0.0.0/",
    "http://[::]/",
    "http://[::ffff:127.0.0.2]/",
    "http://[64:ff9b::7f00:2]/",
    "http://[2002:7f00:2::]/",
    "http://169.254.169.254/latest/meta-data",
    "http://[fe80::1]/",
    "http://[fd00::1]/",
    "http://192.168.1.1/",
    "http://172.16.0.1/",
    "http://100.64.0.1/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://0/",
    "http://[::127.0.0.2]/",
    "http://[2001:0:7f00:2::]/",
    "http://user:pw@127.0.0.2/",
    "http://127.0.0.2\\@example.com/",
    "file:///etc/passwd",
    "ftp://127.0.0.1/x",
    "data:text/html,x",
    "rtmp://127.0.0.1/x",
    "javascript:alert(1)",
    "concat:/etc/passwd",
    "ytsearch:cats",
    "http://",
    "http:///x",
    "//example.com",
    "-exec",
    "http://[",
    "http://%00/",
    "http://１２７.0.0.2/",
    "http://127。0。0。2/",
    "HTTP://10.0.0.1",
    "http://[::1%25lo]:1/",
    "gopher://10.0.0.1/",
    "x" * 9000,
    "http://10.0.0.1/#__youtubedl_smuggle=%7B%7D",
    "http://127.0.0.1:99999/",
    "http://host with space/",
]
TYPES: list[Any] = [
    None,
    True,
    0,
    -1,
    1.5,
    "",
    "x",
    "é" * 300,
    [],
    [1],
    [None],
    {},
    {"a": 1},
    [[]],
    "../../etc/passwd",
    "%00",
    "\u202e",
]
PATHS = [
    "/api/jobs",
    "/api/jobs/{id}",
    "/api/jobs/{id}/cancel",
    "/api/jobs/{id}/pause",
    "/api/jobs/{id}/resume",
    "/api/jobs/{id}/retry",
    "/api/jobs/{id}/options",
    "/api/jobs/{id}/logs",
    "/api/jobs/{id}/playlist",
    "/api/jobs/{id}/playlist/items",
    "/api/jobs/{id}/playlist/items/delta",
    "/api/jobs/{id}/playlist/selection",
    "/api/jobs/{id}/playlist/retry",
    "/api/jobs/{id}/playlist/delete",
    "/api/jobs/cancel",
    "/api/jobs/dry-run",
    "/api/preview",
    "/api/profiles",
    "/api/v1/flows",
    "/api/v1/flows/{id}",
    "/api/v1/flows/{id}/runs",
    "/api/v1/runs",
    "/api/v1/runs/{id}",
    "/api/v1/runs/{id}/cancel",
    "/api/v1/runs/{id}/logs",
    "/",
    "/metrics",
    "/readyz",
    "/healthz",
]
IDS = [
    "job1",
    "list1",
    "..",
    "%2e%2e%2fetc",
    "a" * 300,
    "%00",
    "list1::2",
    "list1::entry-9",
    "list1::",
    "download-job",
    "é",
    "-",
    "job1;x",
    "{}",
]
FIELDS = [
    "urls",
    "url",
    "options",
    "owner",
    "creator",
    "metadata",
    "indices",
    "entry_ids",
    "entryIds",
    "job_ids",
    "scope",
    "parameters",
    "idempotency_key",
]
QUERIES = [
    "since",
    "limit",
    "offset",
    "detail",
    "include",
    "entry_id",
    "entry_index",
    "status",
    "owner",
    "state",
    "flow",
]


def _files(folder: Path) -> set[str]:
    return {str(path) for path in folder.rglob("*") if path.is_file() and "data" not in path.parts}


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


UNNAMED = [url for url in EVIL_URLS if "example.com" not in url]
"""Without names to be looked up: that may take seconds where there is no name server."""
SECRETS: list[dict[str, Any]] = [
    {"username": "ana", "password": CANARY},
    {"twofactor": CANARY},
    {"video_password": CANARY},
    {"proxy": f"http://ana:{CANARY}@10.0.0.1:1"},
    {"add_headers": {"Authorization": f"Bearer {CANARY}", "Cookie": f"session={CANARY}"}},
]


def _hostile(rng: random.Random, count: int) -> Iterator[tuple[str, str, dict[str, Any]]]:
    methods = ["GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS"]
    for _ in range(count):
        path = rng.choice(PATHS).replace("{id}", rng.choice(IDS))
        query = {name: str(rng.choice(TYPES)) for name in rng.sample(QUERIES, rng.randint(0, 3))}
        headers = {"content-type": "application/json"} if rng.random() < 0.9 else {}
        if rng.random() < 0.1:
            headers["X-API-Token"] = "wrong"
        method = rng.choices(methods, [4, 6, 1, 1, 1, 1, 1])[0]
        content = b"" if method == "GET" else _content(rng)
        yield method, path, {"params": query, "content": content, "headers": headers}


def _content(rng: random.Random) -> bytes:
    if rng.random() < 0.1:
        return bytes(rng.randrange(256) for _ in range(rng.randint(1, 200)))
    if rng.random() < 0.02:
        return json.dumps({"urls": "x" * 70_000}).encode()
    body: Any = {name: rng.choice(TYPES) for name in rng.sample(FIELDS, rng.randint(0, 4))}
    if rng.random() < 0.2:
        body = copy.deepcopy(rng.choice(TYPES))
    if rng.random() < 0.4 and isinstance(body, dict):
        body["options"] = {**rng.choice([*EVIL_OPTIONS, {}]), **rng.choice(SECRETS)}
        body["urls"] = rng.choice([*UNNAMED, "http://127.0.0.1:1/x", f"http://a:{CANARY}@127.0.0.1:1/x"])
    return json.dumps(body).encode()


@dataclass(frozen=True, kw_only=True)
class Target:
    """What is under attack: the door, the folder it may write in, and the process behind it."""

    client: httpx.Client
    folder: Path
    process: psutil.Process
    known: frozenset[int]
    """Processes that belong there."""


def _assault(target: Target, count: int) -> None:
    """Send so many hostile requests; nothing breaks, is echoed, started, or written outside."""
    seed = int(os.environ.get("VIDRA_TEST_SEED", random.randrange(2**32)))
    before = _files(target.folder)
    for number, (method, path, request) in enumerate(_hostile(random.Random(seed), count)):
        context = f"seed {seed}, request {number}: {method} {path} {request}"
        try:
            reply = target.client.request(method, path, **request)
        except httpx.InvalidURL:
            continue
        assert reply.status_code < 500 or reply.status_code == 503, f"{context} → {reply.text}"
        assert reply.status_code != 503 or "try_later" not in reply.text, context
        assert CANARY not in reply.text, context
        if number % 100 == 0:
            started = {child.pid for child in target.process.children(recursive=True)} - target.known
            assert started == set(), context
    assert target.client.get("/healthz").status_code == 200
    assert _files(target.folder) - before == set()


def _found_in(folder: Path, secret: str) -> list[Path]:
    needle = secret.encode()
    return [path for path in folder.rglob("*") if path.is_file() and needle in path.read_bytes()]


def test_hostile_requests_end_in_no_5xx(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """API-18, short: wrong types, traversal, refused options, noise; no secret is echoed or stored."""
    _besiege(tmp_path, 400, caplog)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_ten_thousand_hostile_requests_end_in_no_5xx(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """API-18: the same, ten thousand times."""
    _besiege(tmp_path, 10_000, caplog)


class _FindsNothing:
    """Looks at addresses as quickly as a refused connection."""

    async def preview(self, url: str, options: Mapping[str, Any]) -> Listing:
        del options
        raise Missing(f"nothing at {redact_url(url)}")


def _besiege(folder: Path, count: int, caplog: pytest.LogCaptureFixture) -> None:
    settings = settings_in(folder, preview_api=True)
    with (
        shim(folder, settings=settings, previewer=_FindsNothing(), wrong_tokens_a_minute=10**6) as served,
        served.client() as client,
    ):
        client.follow_redirects = False
        add_job(served.state, "job1")
        add_list(served.state, "list1")
        me = psutil.Process()
        known = frozenset(child.pid for child in me.children(recursive=True))
        _assault(Target(client=client, folder=folder, process=me, known=known), count)
        fine = [
            client.post("/api/jobs", json={"urls": "http://127.0.0.1:1/x", "options": secret})
            for secret in SECRETS
        ]
        assert [reply.status_code for reply in fine].count(201) >= 3
        shown = [client.get(f"/api/jobs/{r.json()['job_id']}") for r in fine if r.status_code == 201]
        assert CANARY not in "".join(reply.text for reply in (*fine, *shown))
    assert _found_in(folder, CANARY) == []
    assert CANARY not in caplog.text
    assert served.token not in caplog.text


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
    _schemathesis(served, "--max-examples", "5")


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_many_requests_made_from_our_own_description(served: Shim) -> None:
    """Schemathesis over the OpenAPI document, long."""
    served.settings.storage.cache_dir.mkdir(parents=True)
    _schemathesis(served, "--max-examples", "300")


def test_the_own_list_is_as_long_as_promised() -> None:
    """Ids, paths and types multiply to more than the promised ten thousand different requests."""
    assert len(list(itertools.product(PATHS, IDS, TYPES))) > 5000
