"""Addresses that need no token for a while: what they are for is written in them, and signed."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import asdict, dataclass
from typing import Final, Literal

import orjson

_DIGEST: Final = "sha256"
_LABEL: Final = b"vidra tickets 1"

Kind = Literal["stream", "hls", "thumb", "art"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """What a ticket is good for, until when (seconds since 1970)."""

    item: str
    kind: Kind
    expires: int
    width: int | None = None
    height: int | None = None
    bitrate_kbps: int | None = None


def signed(claim: Claim, token: str) -> str:
    """Return the ticket. It is made with the server's token: replacing that ends all tickets."""
    body = _encoded(orjson.dumps(asdict(claim)))
    return f"{body}.{_signature(body, token)}"


def checked(ticket: str, token: str, *, now: int) -> Claim | None:
    """Return what the ticket is good for, None if it is not ours, was changed, or is over."""
    body, _, signature = ticket.partition(".")
    if not hmac.compare_digest(signature.encode(), _signature(body, token).encode()):
        return None
    try:
        claim = Claim(**orjson.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))))
    except (binascii.Error, orjson.JSONDecodeError, TypeError, ValueError):
        return None
    return claim if now < claim.expires else None


def _signature(body: str, token: str) -> str:
    key = hmac.digest(token.encode(), _LABEL, _DIGEST)
    return _encoded(hmac.new(key, body.encode(), hashlib.sha256).digest())


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
