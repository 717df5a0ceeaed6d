"""The shapes in which we say no: RFC 9457 problems on the generic face, the client's own on the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import orjson
from starlette.types import Send

from vidra.redaction import redact

GENERIC: Final = "/api/v1"
PROBLEM: Final = "application/problem+json"
_UNREAD: Final = frozenset({408, 413})
"""Answers after which the rest of the request may still be under way."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """A request that is not served: its status, a code for programs and a text for people."""

    status: int
    code: str
    detail: object = None
    """A text, or for wrong bodies a nested object of field → messages."""
    headers: Mapping[str, str] | None = None

    def body(self, path: str) -> tuple[str, bytes]:
        """Return media type and body, in the shape of the face that the path belongs to."""
        if is_generic(path):
            return PROBLEM, orjson.dumps(problem(self.status, self.code, self.detail))
        shown = {"error": self.code} | ({} if self.detail is None else {"detail": self.detail})
        return "application/json", orjson.dumps(shown)

    async def send(self, send: Send, path: str) -> None:
        """Answer with it, in the shape of the path's face."""
        media_type, body = self.body(path)
        headers = {
            "content-type": media_type,
            "content-length": str(len(body)),
            **({"connection": "close"} if self.status in _UNREAD else {}),
            **(self.headers or {}),
        }
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": raw})
        await send({"type": "http.response.body", "body": body})


def is_generic(path: str) -> bool:
    """Whether the path belongs to the generic face."""
    return path == GENERIC or path.startswith(f"{GENERIC}/")


def problem(status: int, code: str, detail: object = None, **facts: Any) -> dict[str, Any]:
    """Return an RFC 9457 problem; `code` is its type, `detail` is redacted."""
    shown = redact(detail) if isinstance(detail, str) else None
    errors = detail if detail is not None and shown is None else None
    members = {
        "type": f"urn:vidra:problem:{code.replace('_', '-')}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": shown,
        "errors": errors,
        "code": code,
        **facts,
    }
    return {name: value for name, value in members.items() if value is not None}
