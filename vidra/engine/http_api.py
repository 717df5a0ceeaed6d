"""The few requests that asking for runs and looking at them needs, over plain HTTP.

Prefect's own client takes 1.3 s and 30 MB to import.

The server, its password and its certificate are what the environment names, by the variables of
`vidra.engine.environment`.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import ssl
import time
import uuid
from collections.abc import Mapping
from contextlib import nullcontext
from types import TracebackType
from typing import Any, Final, Self
from weakref import WeakKeyDictionary

import httpx

from vidra.errors import EngineError, EngineUnreachable

TIMEOUT: Final = 60.0
"""Seconds for one request; a server under load answers late, and its silence is no refusal."""
PATIENCE: Final = 90.0
"""Seconds for which a busy server is asked again and again: hundreds of requests at once take their time."""
WRITERS: Final = 1
"""Writing requests of one process under way at the same time: SQLite takes one writer, and refuses every
other at once that has begun to read before it."""
BUSY: Final = frozenset({408, 429, 502, 503})
"""Statuses that mean `not now`; 503 is also Prefect's answer to a locked database."""
PAGE: Final = 200
"""Records of one answer; Prefect's own limit."""
FIRST_PAUSE: Final = 0.25
"""Seconds until a busy server is asked again unless it says when; doubled each time."""
LONGEST_PAUSE: Final = 4.0
_Turns = WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore]
_TURNS: Final[_Turns] = WeakKeyDictionary()
_PROOF_TURNS: Final[_Turns] = WeakKeyDictionary()
"""Of asking for a proof, which the server writes down too: a crowd asks once, and then knows."""
_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_PROOFS: Final[dict[tuple[str, int], dict[str, str]]] = {}
"""By server and process what showed that no foreign web page asks; a fork is a caller of its own."""
_NO_PROTECTION: Final = frozenset({404, 422})
"""The server has no such protection, or it is switched off."""


class HttpApi:
    """A connection to the Prefect API. Use as an async context manager.

    Every call raises `EngineUnreachable` when nobody answers and `EngineError` when the answer is no.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        url = environ.get("PREFECT_API_URL")
        if not url:
            raise EngineUnreachable("no Prefect server is known: start `vidra up` first")
        name, _, password = environ.get("PREFECT_API_AUTH_STRING", "").partition(":")
        self._client = httpx.AsyncClient(
            base_url=url.rstrip("/"),
            auth=httpx.BasicAuth(name, password) if name else None,
            verify=_certificates(url, environ),
            timeout=TIMEOUT,
        )
        self._known_as = (url, os.getpid())

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.__aexit__(kind, error, trace)

    async def get(self, path: str) -> dict[str, Any] | None:
        """Return the record at the path; None when there is none."""
        record: dict[str, Any] | None = await self._ask("GET", path, None, repeatable=True, writes=False)
        return record

    async def prepare(self) -> None:
        """Do beforehand what the first `post` would do besides; worth it beside a `get`."""
        try:
            await self._proof()
        except httpx.TransportError:
            return  # the request that needs it says what is wrong

    async def post(self, path: str, body: Mapping[str, Any], *, repeatable: bool) -> dict[str, Any] | None:
        """Send the body and return the answer, None for an unknown path or an empty answer.

        `repeatable` says that twice is as good as once: then it is sent again when the line breaks.
        """
        answer: dict[str, Any] | None = await self._ask("POST", path, body, repeatable=repeatable)
        return answer

    async def query(self, path: str, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the records that the filter finds; it changes nothing, so no writer is waited for."""
        answer: list[dict[str, Any]] | None = await self._ask(
            "POST", path, body, repeatable=True, writes=False
        )
        return answer or []

    async def query_all(self, path: str, body: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Return every record that the filter finds, asked for page by page."""
        found: list[dict[str, Any]] = []
        while True:
            page = await self.query(path, {**(body or {}), "limit": PAGE, "offset": len(found)})
            found += page
            if len(page) < PAGE:
                return found

    async def _ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        *,
        repeatable: bool,
        writes: bool = True,
    ) -> Any:  # noqa: ANN401 - a JSON value
        deadline = time.monotonic() + PATIENCE
        for attempt in itertools.count():
            last = time.monotonic() > deadline
            try:
                async with _turns(_TURNS) if writes else nullcontext():
                    response = await self._send(method, path, body)
            except (httpx.ConnectError, httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
                raise EngineUnreachable(f"the Prefect server does not answer: {error}") from error
            except httpx.TransportError as error:
                if last or not repeatable:
                    raise EngineUnreachable(f"the Prefect server does not answer: {error}") from error
                await asyncio.sleep(_pause(attempt, None))
                continue
            if last or not self._not_now(response):
                return _content(response)
            await asyncio.sleep(_pause(attempt, response))
        raise AssertionError  # for the type checkers: the loop is left by returning or raising

    async def _send(self, method: str, path: str, body: Mapping[str, Any] | None) -> httpx.Response:
        headers = {} if body is None else await self._proof()
        return await self._client.request(method, path, json=body, headers=headers)

    async def _proof(self) -> dict[str, str]:
        """Return what shows the server that no foreign web page is asking."""
        if self._known_as not in _PROOFS:
            async with _turns(_PROOF_TURNS):
                if self._known_as not in _PROOFS:
                    return await self._ask_for_proof()
        return _PROOFS.get(self._known_as, {})

    async def _ask_for_proof(self) -> dict[str, str]:
        caller = str(uuid.uuid4())
        response = await self._client.get("/csrf-token", params={"client": caller})
        proof = {}
        if response.is_success:
            token = response.json()["token"]
            proof = {"Prefect-Csrf-Token": token, "Prefect-Csrf-Client": caller}
        if response.is_success or response.status_code in _NO_PROTECTION:
            _PROOFS[self._known_as] = proof
        return proof

    def _not_now(self, response: httpx.Response) -> bool:
        if response.status_code == 403 and "CSRF" in response.text:
            self._forget_proof(response.request)
            return True
        return response.status_code in BUSY

    def _forget_proof(self, refused: httpx.Request) -> None:
        """Ask for a new token next time: it has expired, or the server is another one by now."""
        proof = _PROOFS.get(self._known_as)
        if proof is not None and proof.get("Prefect-Csrf-Token") == refused.headers.get("Prefect-Csrf-Token"):
            del _PROOFS[self._known_as]


def _certificates(url: str, environ: Mapping[str, str]) -> ssl.SSLContext:
    """Return what a TLS connection is checked against; plain HTTP loads nothing, which saves 50 ms."""
    if not url.startswith("https:"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context = ssl.create_default_context(cafile=environ.get("PREFECT_API_SSL_CERT_FILE"))
    if environ.get("PREFECT_API_TLS_INSECURE_SKIP_VERIFY", "").lower() in _TRUE:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _content(response: httpx.Response) -> Any:  # noqa: ANN401 - a JSON value
    if response.status_code in {204, 404}:
        return None
    if response.status_code in BUSY:
        raise EngineUnreachable(f"the Prefect server is too busy (HTTP {response.status_code})")
    if not response.is_success:
        raise EngineError(f"Prefect refused (HTTP {response.status_code}): {response.text[:300]}")
    return response.json()


def _pause(attempt: int, response: httpx.Response | None) -> float:
    told = "" if response is None else response.headers.get("Retry-After", "")
    seconds = float(told) if told.isdigit() else FIRST_PAUSE * 2.0 ** min(attempt, 10)
    return min(seconds, LONGEST_PAUSE) * random.uniform(0.5, 1.0)  # noqa: S311 - keeps a crowd from marching in step


def _turns(of: _Turns) -> asyncio.Semaphore:
    """Return what all requests of this kind and this event loop take turns by."""
    return of.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(WRITERS))
