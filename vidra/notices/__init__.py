"""What people are told: rules, digests, and messages. Pure: sending and keeping is the engine's."""

from __future__ import annotations

from vidra.notices.desk import MEMOS, PENDING, Desk, Parcel
from vidra.notices.interface import Notice, is_about
from vidra.notices.message import Message, compose
from vidra.notices.webhook import ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, signature, signed

__all__ = [
    "ID_HEADER",
    "MEMOS",
    "PENDING",
    "SIGNATURE_HEADER",
    "TIMESTAMP_HEADER",
    "Desk",
    "Message",
    "Notice",
    "Parcel",
    "compose",
    "is_about",
    "signature",
    "signed",
]
