"""What each of our errors means to somebody who asked over HTTP."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from vidra.api.interface import FlowNotFound, RunNotFound
from vidra.api.refusals import Refusal, is_generic
from vidra.errors import (
    BackendNotFound,
    EngineError,
    ItemNotFound,
    JobConflict,
    JobNotFound,
    Missing,
    OptionRefused,
    PathRefused,
    SourceNotFound,
    StateBusy,
    StateError,
    SupervisorError,
    TryLater,
    UrlRefused,
    UsageError,
    VidraError,
)
from vidra.redaction import redact

INVALID = "invalid_json_payload"


class BadBody(Exception):
    """A body that does not fit its route; `detail` is a nested object of field → messages."""

    def __init__(self, detail: object, *, code: str = INVALID, status: int = 400) -> None:
        self.refusal = Refusal(status=status, code=code, detail=detail)
        super().__init__(code)


def json_reply(content: Any, status: int = 200) -> Response:  # noqa: ANN401 - any JSON value
    """Return a JSON answer."""
    return Response(orjson.dumps(content), status_code=status, media_type="application/json")


def refusal_for(error: VidraError) -> Refusal:
    """Return the answer an error means; our own trouble is 503, never 500."""
    for kind, status, code in _MEANINGS:
        if isinstance(error, kind):
            return Refusal(status=_status(error, status), code=code, detail=_detail(error))
    return Refusal(status=503, code="unavailable", detail=redact(str(error)))


def field_errors(error: ValidationError) -> dict[str, Any]:
    """Return pydantic's findings as nested field → messages."""
    found: dict[str, Any] = {}
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        place = found
        *parents, last = [str(part) for part in problem["loc"]] or ["json"]
        for part in parents:
            inner = place.setdefault(part, {})
            place = inner if isinstance(inner, dict) else {}
        messages = place.setdefault(last, [])
        if isinstance(messages, list):
            messages.append(problem["msg"])
    return found


async def on_vidra_error(request: Request, error: Exception) -> Response:
    """Answer one of our errors."""
    assert isinstance(error, VidraError)  # noqa: S101 - registered for this class only
    return reply(request, refusal_for(error))


async def on_bad_body(request: Request, error: Exception) -> Response:
    """Answer a body that does not fit."""
    assert isinstance(error, BadBody)  # noqa: S101 - the same
    return reply(request, error.refusal)


async def on_invalid_request(request: Request, error: Exception) -> Response:
    """Answer parameters or a body that FastAPI or pydantic refused; what was sent is not echoed."""
    assert isinstance(error, (RequestValidationError, ValidationError))  # noqa: S101 - the same
    if isinstance(error, ValidationError):
        return reply(request, Refusal(status=422, code="invalid_request", detail=field_errors(error)))
    problems = [
        {"where": ".".join(str(part) for part in problem["loc"]), "message": problem["msg"]}
        for problem in error.errors()
    ]
    return reply(request, Refusal(status=422, code="invalid_request", detail=problems))


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Answer an unknown path or method: plain text on the client face, a problem on the generic one."""
    assert isinstance(error, HTTPException)  # noqa: S101 - the same
    if is_generic(request.url.path):
        code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "refused")
        return reply(request, Refusal(status=error.status_code, code=code), error.headers)
    text = {404: "Not Found", 405: "Method Not Allowed"}.get(error.status_code, str(error.detail))
    return Response(text, status_code=error.status_code, media_type="text/plain", headers=error.headers)


def reply(request: Request, refusal: Refusal, headers: Any = None) -> Response:  # noqa: ANN401 - starlette's own type
    """Return the refusal in the shape of the face that was asked."""
    media_type, body = refusal.body(request.url.path)
    extra = {**(refusal.headers or {}), **(headers or {})}
    return Response(body, status_code=refusal.status, media_type=media_type, headers=extra)


def _status(error: VidraError, status: int) -> int:
    # A wrong value is the contract's 400; what the policy forbids is a 422, however well formed.
    wrong_value = isinstance(error, OptionRefused) and isinstance(error.__cause__, (ValueError, TypeError))
    return 400 if wrong_value else status


def _detail(error: VidraError) -> object:
    if isinstance(error, JobConflict):
        return str(error.status)
    if isinstance(error, JobNotFound):
        return None
    remedy = getattr(error, "remedy", None)
    message = redact(str(error))
    if isinstance(error, OptionRefused):
        reason = redact(error.reason) + (f" ({redact(remedy)})" if remedy else "")
        return {"options": {redact(error.key[:100]): [reason]}}
    if isinstance(error, UrlRefused):
        return {"urls": [message]}
    if isinstance(error, PathRefused):
        return {"options": {"paths": [message]}}
    return message


_MEANINGS: tuple[tuple[type[VidraError], int, str], ...] = (
    (JobNotFound, 404, "job_not_found"),
    (SourceNotFound, 404, "source_not_found"),
    (BackendNotFound, 404, "backend_not_found"),
    (SupervisorError, 409, "backend_refused"),
    (ItemNotFound, 404, "item_not_found"),
    (Missing, 404, "missing"),
    (RunNotFound, 404, "run_not_found"),
    (FlowNotFound, 404, "flow_not_found"),
    (JobConflict, 409, "job_status_conflict"),
    (OptionRefused, 422, INVALID),
    (UrlRefused, 422, INVALID),
    (PathRefused, 422, INVALID),
    (UsageError, 400, INVALID),
    (StateBusy, 409, "job_busy"),
    (StateError, 503, "state_unavailable"),
    (EngineError, 503, "engine_unavailable"),
    (TryLater, 503, "try_later"),
)
