"""Recorded exchanges against the published API descriptions, both ways, with the known differences in sight.

Jellyfin writes ids as 32 hex digits where its file says `uuid`, takes paths, query names and the names
in a body in any case, takes lists with commas, and still serves the old `/Users/{id}/…` paths, which are
checked as what replaced them. Plex takes GET where the file knows PUT or POST only.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from openapi_core import Config, OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.exceptions import OpenAPIError
from starlette.requests import Request
from werkzeug.datastructures import Headers, ImmutableMultiDict

Json = dict[str, Any]
Exchange = tuple[Request, bytes, int, bytes, str]
SPECS = Path(__file__).with_name("specs")
HOST = "http://server.invalid"
UUID = "^[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}$"
OLD_JELLYFIN = [
    (re.compile(f"^/Users/[^/]+/{old}$", re.IGNORECASE), new)
    for old, new in (
        ("Views", "/UserViews"),
        ("Items", "/Items"),
        ("Items/Resume", "/UserItems/Resume"),
        ("Items/Latest", "/Items/Latest"),
        ("Items/([^/]+)", r"/Items/\1"),
        ("Items/([^/]+)/UserData", r"/UserItems/\1/UserData"),
        ("PlayedItems/([^/]+)", r"/UserPlayedItems/\1"),
    )
]
_UNCHECKED = Config(spec_validator_cls=None)  # type: ignore[arg-type]  # None means: not again
PLEX_ALSO = {
    ("GET", "/:/scrobble"): "PUT",
    ("GET", "/:/unscrobble"): "PUT",
    ("GET", "/:/timeline"): "POST",
}


@dataclass
class _Ask:
    """A request as openapi-core wants it."""

    path: str
    method: str
    content_type: str
    body: bytes | None
    parameters: RequestParameters
    host_url: str = HOST


@dataclass
class _Answer:
    data: bytes
    status_code: int
    content_type: str
    headers: Headers = field(default_factory=Headers)


class Contract:
    """One API description."""

    def __init__(self, document: Json, *, any_case: bool, own_query: Iterable[str]) -> None:
        document["servers"] = [{"url": HOST}]
        self._document, self._any_case = document, any_case
        self._own_query = {name.lower() for name in own_query}
        self._api = OpenAPI.from_dict(document, config=_UNCHECKED)

    def faults(self, exchange: Exchange) -> list[str]:
        """Return what of this exchange the description does not allow, as lines."""
        asked, body, status, answer, kind = exchange
        path = self._today(asked.url.path)
        method = asked.method if self._any_case else PLEX_ALSO.get((asked.method, path), asked.method)
        template = self._template(path, method)
        if template is None:
            return [f"unknown: {asked.method} {_shape(path)}"]
        known = self._declared(template, method)
        query, faults = self._query(asked, known)
        if self._any_case:
            parts = zip(template.split("/"), path.split("/"), strict=True)
            path = "/".join(own if own.startswith("{") is False else given for own, given in parts)
            body = self._spelled(body, template, method)
        request = _Ask(
            path=path,
            method=method.lower(),
            content_type=asked.headers.get("content-type", "").partition(";")[0],
            body=body or None,
            parameters=RequestParameters(
                query=ImmutableMultiDict(query),
                header=Headers(list(asked.headers.items())),
                cookie=ImmutableMultiDict(),
            ),
        )
        faults += _lines("request", lambda: self._api.validate_request(request))
        if status < 400:
            response = _Answer(answer, status, kind.partition(";")[0])
            faults += _lines("answer", lambda: self._api.validate_response(request, response))
        return [f"{asked.method} {template}: {fault}" for fault in faults]

    def _today(self, path: str) -> str:
        for old, new in OLD_JELLYFIN if self._any_case else ():
            if old.match(path):
                return old.sub(new, path)
        return path

    def _template(self, path: str, method: str) -> str | None:
        fitting = [
            template
            for template, entry in self._document["paths"].items()
            if method.lower() in entry
            and _fits(template, path, re.IGNORECASE if self._any_case else re.NOFLAG)
        ]
        return min(fitting, key=lambda template: template.count("{"), default=None)

    def _declared(self, template: str, method: str) -> dict[str, Json]:
        entry = self._document["paths"][template]
        rows = (
            self._resolved(row)
            for row in entry.get("parameters", []) + entry[method.lower()].get("parameters", [])
        )
        return {row["name"]: row for row in rows if row.get("in") == "query"}

    def _query(self, asked: Request, known: Mapping[str, Json]) -> tuple[list[tuple[str, str]], list[str]]:
        names = {name.lower() if self._any_case else name: name for name in known}
        free = any(self._resolved(row.get("schema", {})).get("type") == "object" for row in known.values())
        query, faults = [], []
        for given, value in asked.query_params.multi_items():
            name = names.get(given.lower() if self._any_case else given)
            if name is None:
                if not free and given.lower() not in self._own_query:
                    faults.append(f"query name {given!r} is unknown")
                continue
            schema = known[name].get("schema", {})
            several = self._any_case and schema.get("type") == "array"
            query += [(name, part) for part in (value.split(",") if several else [value])]
        return query, faults

    def _spelled(self, body: bytes, template: str, method: str) -> bytes:
        """Return the body with its outermost names as the description spells them."""
        content = self._document["paths"][template][method.lower()].get("requestBody", {}).get("content", {})
        names: dict[str, str] = {}
        for schema in _each_schema(content.get("application/json", {}).get("schema", {}), self._resolved):
            names |= {name.lower(): name for name in schema.get("properties", {})}
        data = json.loads(body) if body else None
        if not isinstance(data, dict):
            return body
        return json.dumps({names.get(name.lower(), name): value for name, value in data.items()}).encode()

    def _resolved(self, node: Json) -> Json:
        while "$ref" in node:
            found: Any = self._document
            for step in node["$ref"][2:].split("/"):
                found = found[step.replace("~1", "/")]
            node = found
        return node


@cache
def plex() -> Contract:
    """Return the description of the Plex media server."""
    text = gzip.decompress((SPECS / "plex-media-server-1.1.1.yaml.gz").read_bytes())
    document = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both loaders are safe
    own = ("X-Plex-Token", "X-Plex-Container-Start", "X-Plex-Container-Size", "X-Plex-Client-Identifier")
    return Contract(json.loads(json.dumps(document, default=str)), any_case=False, own_query=own)


@cache
def jellyfin() -> Contract:
    """Return the description of Jellyfin 10.11."""
    document = json.loads(gzip.decompress((SPECS / "jellyfin-10.11.11.json.gz").read_bytes()))
    _any_uuid(document)
    return Contract(document, any_case=True, own_query=("apikey",))


def _any_uuid(node: Any) -> None:
    if isinstance(node, dict):
        if node.get("format") == "uuid":
            del node["format"]
            node["pattern"] = UUID
        for value in node.values():
            _any_uuid(value)
    elif isinstance(node, list):
        for value in node:
            _any_uuid(value)


def _each_schema(schema: Json, resolved: Callable[[Json], Json]) -> Iterator[Json]:
    todo = [schema]
    while todo:
        node = resolved(todo.pop())
        yield node
        todo += node.get("allOf", []) + node.get("oneOf", [])


def _fits(template: str, path: str, flags: re.RegexFlag) -> bool:
    pattern = re.sub(r"\\{[^/]+?\\}", "[^/]+", re.escape(template))
    return re.fullmatch(pattern, path, flags) is not None


def _shape(path: str) -> str:
    return re.sub(r"/(\d+|[0-9a-f]{32})(?=/|$)", "/{}", path)


def _lines(what: str, check: Callable[[], object]) -> list[str]:
    try:
        check()
    except OpenAPIError as exc:
        return _reasons(what, exc)
    return []


def _reasons(what: str, error: BaseException | None) -> list[str]:
    first, rows = error, []
    while error is not None:
        for fault in getattr(error, "schema_errors", None) or ():
            place = "/".join("*" if isinstance(p, int) else str(p) for p in fault.absolute_path)
            rows.append(f"{what}: {place}: {fault.message[:120]}")
        error = error.__cause__
    return rows or [f"{what}: {first} {first.__cause__ if first else ''}".strip()[:200]]
