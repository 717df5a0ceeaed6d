"""How a token that was shown is compared, and how strong one has to be."""

from __future__ import annotations

import hmac
from typing import Final

from vidra.credentials.server_token import LONGEST
from vidra.errors import UsageError

SHORTEST: Final = 32
"""Characters a token needs before the server listens beyond this machine (256 random bits are 43)."""
VARIABLE: Final = "VIDRA_SERVER_TOKEN"


def matches(shown: str | None, token: str) -> bool:
    """Whether the shown token is the right one; takes the same time wherever they differ."""
    if shown is None or len(shown) > LONGEST:
        return False
    return hmac.compare_digest(shown.encode("utf-8", "surrogateescape"), token.encode())


def check_strength(token: str, host: str) -> None:
    """Raise `UsageError` for a token that is too weak for an address others can reach."""
    if not is_loopback(host) and len(token) < SHORTEST:
        raise UsageError(
            f"refusing to listen on {host} with a token of {len(token)} characters: expected {SHORTEST}"
            f" or more; make one with `vidra token rotate`, or a longer {VARIABLE}"
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    return host == "localhost" or host.startswith("127.") or host == "::1"
