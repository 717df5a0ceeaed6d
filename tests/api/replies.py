"""How the client reads each reply: every route of its contract (section 2.2) with its cast.

A reply to a route that is not here, or with a field that is not in the contract, raises.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from tests.api import casts
from tests.api.casts import Cast, anything, fields, listed, number, text

_RESULT: Final = fields({"job_id": text, "status": text, "reason": text}, needs=["job_id", "status"])
_SELECTED: Final = fields(
    {"job_id": text, "status": text, "selection": text, "reason": text}, needs=["job_id", "status"]
)
_RETRIED: Final = fields(
    {"job_id": text, "status": text, "pending_indices": listed(number), "selection": text, "reason": text},
    needs=["job_id", "status"],
)
_REMOVED: Final = fields(
    {"job_id": text, "status": text, "reason": text, "removed_indices": listed(number),
     "missing_entry_ids": listed(text), "invalid_indices": listed(number), "job_status": text},
    needs=["job_id", "status"],
)  # fmt: skip
_REFUSED: Final = fields({"error": text, "detail": anything}, needs=["error"])
_STOPPING: Final = fields({"status": text}, needs=["status"])

REPLIES: Final[Mapping[tuple[str, str], Cast]] = {
    ("GET", "/"): casts.read_health,
    ("POST", "/api/jobs"): casts.read_created,
    ("GET", "/api/jobs"): casts.read_listing,
    ("GET", "/api/jobs/{job_id}"): casts.read_detail,
    ("DELETE", "/api/jobs/{job_id}"): _RESULT,
    ("POST", "/api/jobs/{job_id}/cancel"): _RESULT,
    ("POST", "/api/jobs/{job_id}/pause"): _RESULT,
    ("POST", "/api/jobs/{job_id}/resume"): _RESULT,
    ("POST", "/api/jobs/{job_id}/retry"): _RESULT,
    ("GET", "/api/jobs/{job_id}/options"): casts.read_versioned,
    ("GET", "/api/jobs/{job_id}/logs"): casts.read_versioned,
    ("GET", "/api/jobs/{job_id}/playlist"): casts.read_snapshot,
    ("GET", "/api/jobs/{job_id}/playlist/items"): casts.read_snapshot,
    ("GET", "/api/jobs/{job_id}/playlist/items/delta"): casts.read_changes,
    ("POST", "/api/jobs/{job_id}/playlist/selection"): _SELECTED,
    ("POST", "/api/jobs/{job_id}/playlist/retry"): _RETRIED,
    ("POST", "/api/jobs/{job_id}/playlist/delete"): _REMOVED,
    ("POST", "/api/jobs/cancel"): fields({"results": listed(_RESULT)}, needs=["results"]),
    ("POST", "/api/jobs/dry-run"): fields(
        {"cli_args": listed(text), "urls": listed(text), "options": anything},
        needs=["cli_args", "urls", "options"],
    ),
    ("POST", "/api/preview"): casts.read_previewed,
    ("GET", "/api/profiles"): fields({"profiles": listed(anything), "message": text}, needs=["profiles"]),
    ("POST", "/api/shutdown"): _STOPPING,
}


def read_reply(method: str, path: str, status: int, value: Any) -> None:
    """Check a reply as the client reads it."""
    place = f"{method} {path} → {status}"
    template = _template(method, path)
    if status >= 400 and "error" in value:
        _REFUSED(value, place)
        return
    REPLIES[method, template](value, place)


def _template(method: str, path: str) -> str:
    plain = path.partition("?")[0]
    for known_method, template in REPLIES:
        if known_method == method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), plain):
            return template
    raise casts.WrongType(f"{method} {path} is not in the contract")
