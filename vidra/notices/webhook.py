"""What a webhook gets: JSON, and a signature with which the receiver knows who sent it, and when."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from typing import Final

import orjson

from vidra.clock import iso
from vidra.notices.desk import Parcel
from vidra.notices.message import compose

TIMESTAMP_HEADER: Final = "X-Vidra-Timestamp"
"""Seconds since 1970, as the signature covers them; receivers refuse old ones."""
SIGNATURE_HEADER: Final = "X-Vidra-Signature"
"""`sha256=` and the hexadecimal HMAC-SHA256 of timestamp, `.` and body."""
ID_HEADER: Final = "X-Vidra-Id"
"""Names the delivery."""


def signed(parcel: Parcel, *, key: str, now: datetime) -> tuple[bytes, dict[str, str]]:
    """Return body and headers of the parcel."""
    message, timestamp = compose(parcel.notices, dropped=parcel.dropped), str(int(now.timestamp()))
    body = orjson.dumps(
        {
            "version": 1,
            "id": parcel.parcel_id,
            "channel": parcel.channel,
            "sent_at": iso(now),
            "title": message.title,
            "text": message.text,
            "dropped": parcel.dropped,
            "notices": [notice.to_json() for notice in parcel.notices],
        }
    )
    return body, {
        "Content-Type": "application/json",
        "User-Agent": "vidra",
        ID_HEADER: parcel.parcel_id,
        TIMESTAMP_HEADER: timestamp,
        SIGNATURE_HEADER: signature(key, timestamp, body),
    }


def signature(key: str, timestamp: str, body: bytes) -> str:
    """Return the value of `X-Vidra-Signature`."""
    return "sha256=" + hmac.new(key.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
