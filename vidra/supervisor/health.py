"""Asks a back end how it is, and says what the answer means."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from http import HTTPStatus
from types import TracebackType
from typing import Final, Self

import httpx

from vidra.errors import BackendNotStarted
from vidra.redaction import redact, redact_url
from vidra.supervisor.happenings import Answer, Probe
from vidra.supervisor.interface import INSTANCE_HEADER, TOKEN_HEADER, BackendSpec, HealthSpec

_LARGEST_ANSWER: Final = 65_536
"""Bytes of a health answer we look at."""


class Prober:
    """Probes any number of back ends; connections are never reused, so each probe proves `accept` too."""

    def __init__(self) -> None:
        self._clients: dict[str, httpx.AsyncClient] = {}

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        clients, self._clients = self._clients, {}
        for client in clients.values():
            await client.aclose()

    async def ask(self, spec: HealthSpec, url: str, *, instance: str | None) -> Probe:
        """Probe once, within the spec's limit; never raises for what the other side does."""
        begun = time.perf_counter()
        try:
            async with asyncio.timeout(spec.timeout):
                response, body = await self._get(url, spec.headers)
        except TimeoutError:
            return Probe(answer=Answer.BAD, detail=f"no answer within {spec.timeout:g} s")
        except httpx.HTTPError as error:
            return Probe(answer=Answer.BAD, detail=redact(f"{type(error).__name__}: {error}"))
        except httpx.InvalidURL as error:
            return Probe(answer=Answer.BAD, detail=f"not a URL: {redact_url(url)}: {error}")
        return classify(spec, response, body, instance=instance, latency=time.perf_counter() - begun)

    async def post_shutdown(self, url: str, token: str | None, *, limit: float) -> bool:
        """POST to a shutdown route; return whether it agreed to leave."""
        headers = {} if token is None else {TOKEN_HEADER: token}
        try:
            async with asyncio.timeout(limit):
                response = await self._client(url).post(url, headers=headers)
        except (TimeoutError, httpx.HTTPError, httpx.InvalidURL):
            return False
        return response.is_success

    async def _get(self, url: str, headers: Mapping[str, str]) -> tuple[httpx.Response, bytes]:
        body = bytearray()
        async with self._client(url).stream("GET", url, headers=headers) as response:
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > _LARGEST_ANSWER:
                    break
        return response, bytes(body)

    def _client(self, url: str) -> httpx.AsyncClient:
        scheme = "https" if url.lower().startswith("https:") else "http"
        if scheme not in self._clients:
            self._clients[scheme] = httpx.AsyncClient(
                verify=scheme == "https",  # loading certificates costs 70 ms that plain HTTP does not need
                trust_env=False,  # a proxy between us and loopback would answer in the back end's place
                timeout=None,  # noqa: S113 - every call has its own total limit
                limits=httpx.Limits(max_keepalive_connections=0),
            )
        return self._clients[scheme]


def revealed(headers: Mapping[str, str], spec: BackendSpec) -> dict[str, str]:
    """Return the headers with their secrets; raise `BackendNotStarted` for one that cannot be sent."""
    found = {name: spec.reveal(value) for name, value in headers.items()}
    for name, value in found.items():
        if not (value.isascii() and value.isprintable()):
            reason = f"the secret in the health header `{name}` has characters that no header may have"
            raise BackendNotStarted(spec.name, reason)
    return found


def classify(
    spec: HealthSpec, response: httpx.Response, body: bytes, *, instance: str | None, latency: float
) -> Probe:
    """Return what an answer means: who answers comes first, then whether it is well, then how quickly."""
    status = response.status_code
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Probe(answer=Answer.BUSY, detail="429: alive, but limiting our requests", latency=latency)
    if not response.is_success:
        return Probe(answer=Answer.BAD, detail=f"health route answered {status}", latency=latency)
    fields = _fields(body)
    if stranger := _stranger(spec, response.headers.get(INSTANCE_HEADER), fields, instance):
        return Probe(answer=Answer.FOREIGN, detail=stranger, latency=latency)
    if latency > spec.slow_after:
        return Probe(answer=Answer.SLOW, detail=f"answers, but took {latency:.1f} s", latency=latency)
    return Probe(answer=Answer.GOOD, detail=f"answered {status}", latency=latency)


def _fields(body: bytes) -> Mapping[str, object]:
    try:
        parsed = json.loads(body)
    except ValueError:  # a health route need not speak JSON
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _stranger(
    spec: HealthSpec, header: str | None, fields: Mapping[str, object], instance: str | None
) -> str | None:
    """Return why the one who answered is not the one we mean; None if it is."""
    said = header if header is not None else fields.get("instance")
    if instance is not None and said is not None and said != instance:
        return "another instance answers on this address"
    if instance is not None and said is None and spec.require_instance:
        return "the answer carries no instance id"
    for key, wanted in spec.expect.items():
        if str(fields.get(key)) != wanted:
            return f"the answer's `{key}` is {fields.get(key)!r}, expected {wanted!r}"
    return None
