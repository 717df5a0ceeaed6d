"""Requests that mean harm: the own list, and endless mixtures of it over every route there is."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

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
    "%7B%7D",
    "../../server_token",
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

UNNAMED = [url for url in EVIL_URLS if "example.com" not in url]
"""Without names to be looked up: that may take seconds where there is no name server."""
SECRETS: list[dict[str, Any]] = [
    {"username": "ana", "password": CANARY},
    {"twofactor": CANARY},
    {"video_password": CANARY},
    {"proxy": f"http://ana:{CANARY}@10.0.0.1:1"},
    {"add_headers": {"Authorization": f"Bearer {CANARY}", "Cookie": f"session={CANARY}"}},
]
ODD_PATHS = [
    "//api/jobs",
    "/api//jobs",
    "/api/jobs/..%2f..%2f..%2fetc%2fpasswd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/static/..%5c..%5cetc%5cpasswd",
    "/api/v1/media/../../../etc/passwd",
    "/api/v1/media/%2e%2e%2f%2e%2e%2fserver_token",
    "/api/v1/backends/..%2f..%2fserver_token/logs",
    "/api/jobs/%00",
    "/api/jobs/%1b%5b31m%0d%0aX-Evil:1",
    "/" + "a" * 7000,
    "/api/shutdown",
    "/ws/downloads",
]
TOKENS = ["wrong", "", "x" * 4000, "Bearer", "\u00e9" * 40]


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What there is to attack, by the server's own description."""

    paths: Sequence[str]
    routes: Sequence[tuple[str, str]]
    """Methods and paths that are there."""
    queries: Sequence[str]
    fields: Sequence[str]

    @classmethod
    def of(cls, openapi: Mapping[str, Any]) -> Self:
        """Return every route but the streams, which never end, with all names that are known there."""
        paths = [path for path in openapi["paths"] if not path.endswith("/events")]
        routes = [(m.upper(), path) for path in paths for m in openapi["paths"][path]]
        operations = [one for methods in openapi["paths"].values() for one in methods.values()]
        queries = {q["name"] for one in operations for q in one.get("parameters", ()) if q["in"] == "query"}
        schemas = openapi["components"]["schemas"].values()
        fields = {name for schema in schemas for name in schema.get("properties", ())}
        return cls(
            paths=[*paths, *ODD_PATHS],
            routes=[*routes, *[route for route in routes if route[0] == "POST"] * 2],
            queries=sorted(queries.union(QUERIES)),
            fields=sorted(fields.union(FIELDS)),
        )

    def requests(self, rng: random.Random, count: int) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Yield so many requests: method, path, and what `httpx` takes besides."""
        methods = ["GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS"]
        for _ in range(count):
            method, path = rng.choices(methods, [4, 6, 1, 1, 1, 1, 1])[0], rng.choice(self.paths)
            if rng.random() < 0.6:
                method, path = rng.choice(self.routes)
            path = _filled(path, rng)
            query = {name: str(rng.choice(TYPES)) for name in rng.sample(self.queries, rng.randint(0, 3))}
            headers = {"content-type": b"application/json"} if rng.random() < 0.9 else {}
            if rng.random() < 0.1:
                headers["X-API-Token"] = rng.choice(TOKENS).encode()
            content = b"" if method == "GET" else self._content(rng)
            yield method, path, {"params": query, "content": content, "headers": headers}

    def _content(self, rng: random.Random) -> bytes:
        if rng.random() < 0.15:  # what is taken must keep its secrets, too
            url = f"http://ana:{CANARY}@127.0.0.1:1/{rng.randrange(9)}"
            return json.dumps({"urls": url, "options": rng.choice(SECRETS)}).encode()
        if rng.random() < 0.1:
            return bytes(rng.randrange(256) for _ in range(rng.randint(1, 200)))
        if rng.random() < 0.02:
            return json.dumps({"urls": "x" * 70_000}).encode()
        body: Any = {name: rng.choice(TYPES) for name in rng.sample(self.fields, rng.randint(0, 4))}
        if rng.random() < 0.2:
            body = copy.deepcopy(rng.choice(TYPES))
        if rng.random() < 0.4 and isinstance(body, dict):
            evil = rng.choice(EVIL_OPTIONS) if rng.random() < 0.7 else {}
            body = {**body, "metadata": {}, "owner": "ana"} if not evil else body
            body["options"] = {**evil, **rng.choice(SECRETS)}
            body["urls"] = rng.choice([*UNNAMED, "http://127.0.0.1:1/x", f"http://a:{CANARY}@127.0.0.1:1/x"])
        if rng.random() < 0.2 and isinstance(body, dict):
            body = {"parameters": {"request": body}}
        return json.dumps(body).encode()


def _filled(path: str, rng: random.Random) -> str:
    while "{" in path:
        before, _, rest = path.partition("{")
        path = f"{before}{rng.choice(IDS)}{rest.partition('}')[2]}"
    return path
