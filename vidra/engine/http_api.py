"""The few requests that asking for a run needs, over plain HTTP: Prefect's own client takes 1.3 s to import.

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
FIRST_PAUSE: Final = 0.25
"""Seconds until a busy server is asked again unless it says when; doubled each time."""
LONGEST_PAUSE: Final = 4.0
_TURNS: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore]] = WeakKeyDictionary()
_TRUE: Final = frozenset({"1", "true", "yes", "on"})


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
        self._caller = str(uuid.uuid4())
        self._token: str | None = None

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.__aexit__(kind, error, trace)

    async def get(self, path: str) -> dict[str, Any] | None:
        """Return the record at the path; None when there is none."""
        return await self._ask("GET", path, None, repeatable=True)

    async def prepare(self) -> None:
        """Do beforehand what the first `post` would do besides; worth it beside a `get`."""
        try:
            await self._proof()
        except httpx.TransportError:
            return  # the request that needs it says what is wrong

    async def post(self, path: str, body: Mapping[str, Any], *, repeatable: bool) -> dict[str, Any] | None:
        """Send the body and return the answer, None for an unknown path.

        `repeatable` says that twice is as good as once: then it is sent again when the line breaks.
        """
        return await self._ask("POST", path, body, repeatable=repeatable)

    async def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None, *, repeatable: bool
    ) -> dict[str, Any] | None:
        deadline = time.monotonic() + PATIENCE
        for attempt in itertools.count():
            last = time.monotonic() > deadline
            try:
                async with _turns() if body is not None else nullcontext():
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
        if self._token is None:
            response = await self._client.get("/csrf-token", params={"client": self._caller})
            # 404 and 422: this server has no such protection, or it is switched off.
            self._token = response.json()["token"] if response.is_success else ""
        if not self._token:
            return {}
        return {"Prefect-Csrf-Token": self._token, "Prefect-Csrf-Client": self._caller}

    def _not_now(self, response: httpx.Response) -> bool:
        if response.status_code == 403 and "CSRF" in response.text:
            self._token = None  # expired, or taken while the server was busy: ask for a new one
            return True
        return response.status_code in BUSY


def _certificates(url: str, environ: Mapping[str, str]) -> ssl.SSLContext:
    """Return what a TLS connection is checked against; plain HTTP loads nothing, which saves 50 ms."""
    if not url.startswith("https:"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context = ssl.create_default_context(cafile=environ.get("PREFECT_API_SSL_CERT_FILE"))
    if environ.get("PREFECT_API_TLS_INSECURE_SKIP_VERIFY", "").lower() in _TRUE:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _content(response: httpx.Response) -> dict[str, Any] | None:
    if response.status_code == 404:
        return None
    if response.status_code in BUSY:
        raise EngineUnreachable(f"the Prefect server is too busy (HTTP {response.status_code})")
    if not response.is_success:
        raise EngineError(f"Prefect refused (HTTP {response.status_code}): {response.text[:300]}")
    content: dict[str, Any] = response.json()
    return content


def _pause(attempt: int, response: httpx.Response | None) -> float:
    told = "" if response is None else response.headers.get("Retry-After", "")
    seconds = float(told) if told.isdigit() else FIRST_PAUSE * 2.0 ** min(attempt, 10)
    return min(seconds, LONGEST_PAUSE) * random.uniform(0.5, 1.0)  # noqa: S311 - keeps a crowd from marching in step


def _turns() -> asyncio.Semaphore:
    """Return what all writing requests of this event loop take turns by."""
    loop = asyncio.get_running_loop()
    return _TURNS.setdefault(loop, asyncio.Semaphore(WRITERS))
