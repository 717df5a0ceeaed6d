"""How a Dart client reads our payloads (contract, sections 4 and 9): names it knows, casts that throw.

Written from the contract page alone. `read_*` raise `WrongType` where the client would throw, where a
name is not in the contract, and where a null is sent that ought to be left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeAlias

Cast: TypeAlias = Callable[[Any, str], None]


class WrongType(AssertionError):
    """The real client would throw, or not know what it was sent."""


TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def text(value: Any, place: str) -> None:
    """Cast hard to a string."""
    if not isinstance(value, str):
        raise WrongType(f"{place} is {value!r}, expected a string")


def moment(value: Any, place: str) -> None:
    """Read a time as the contract writes it."""
    text(value, place)
    if not TIME.fullmatch(value):
        raise WrongType(f"{place} is {value!r}, expected a time with microseconds and Z")


def number(value: Any, place: str) -> None:
    """Read tolerantly: int, float or numeric text; ours are numbers."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise WrongType(f"{place} is {value!r}, expected a number")


def truth(value: Any, place: str) -> None:
    """Read tolerantly: bool, 0/1 or text; ours are bools."""
    if not isinstance(value, bool):
        raise WrongType(f"{place} is {value!r}, expected a bool")


def anything(value: Any, place: str) -> None:
    """Not read by the client; still no null."""
    if value is None:
        raise WrongType(f"{place} is null; such keys are left out")


def listed(cast: Cast) -> Cast:
    """Return the cast of a list of such values."""

    def read(value: Any, place: str) -> None:
        if not isinstance(value, list):
            raise WrongType(f"{place} is {value!r}, expected a list")
        for index, item in enumerate(value):
            cast(item, f"{place}[{index}]")

    return read


def fields(casts: Mapping[str, Cast], *, needs: Collection[str] = ()) -> Cast:
    """Return the cast of an object with these fields and no others."""

    def read(value: Any, place: str) -> None:
        if not isinstance(value, Mapping):
            raise WrongType(f"{place} is {value!r}, expected an object")
        for name in needs:
            if name not in value:
                raise WrongType(f"{place} has no {name}")
        for name, inner in value.items():
            if name not in casts:
                raise WrongType(f"{place}.{name} is not in the contract")
            casts[name](inner, f"{place}.{name}")

    return read


def _all(cast: Cast, names: str) -> dict[str, Cast]:
    return dict.fromkeys(names.split(), cast)


_FIGURES = _all(
    number,
    "percent stage_percent downloaded_bytes total_bytes remaining_bytes speed eta elapsed current_item"
    " total_items playlist_index playlist_current_index playlist_count playlist_total_items"
    " playlist_completed_items playlist_pending_items playlist_percent playlist_newly_completed_index",
)
_STAGES = _all(
    text,
    "status state stage stage_name message filename tmpfilename main_file ctx_id playlist_current_entry_id"
    " postprocessor preprocessor",
)
_PROGRESS: dict[str, Cast] = {
    "job_id": text, **_FIGURES, **_STAGES, "generated_files": listed(text), "partial_files": listed(text),
}  # fmt: skip
_EVENT: dict[str, Cast] = {"reason": text, "timestamp": moment}
_IN_PROGRESS_EVENT = {
    name: cast
    for name, cast in _PROGRESS.items()
    if name not in {"state", "main_file", "generated_files", "partial_files"}
}
_PICTURES = listed(fields({"url": text, "width": number, "height": number, "id": text}, needs=["url"]))
_PREVIEW: dict[str, Cast] = {
    **_all(
        text,
        "title description webpage_url original_url webpage_url_basename webpage_url_domain duration_text"
        " thumbnail_url uploader uploader_id uploader_url channel channel_id channel_url upload_date_iso"
        " extractor extractor_id entry_id availability live_status playlist_id playlist_title"
        " playlist_uploader",
    ),
    **_all(number, "duration_seconds channel_follower_count view_count like_count playlist_entry_count"),
    **_all(truth, "channel_is_verified is_playlist"),
    "collected_at": moment,
    "thumbnails": _PICTURES,
    "tags": listed(text),
}  # fmt: skip
_ENTRY: dict[str, Cast] = {
    **_all(
        text,
        "id title uploader uploader_id uploader_url channel channel_id channel_url webpage_url duration_text"
        " thumbnail_url availability live_status status main_file",
    ),
    **_all(number, "index duration_seconds view_count"),
    **_all(truth, "channel_is_verified is_completed is_current"),
    "thumbnails": _PICTURES,
    "preview": fields(_PREVIEW),
    "progress_snapshot": fields({**_FIGURES, **_STAGES, "timestamp": moment}),
}  # fmt: skip
_ENTRY_ERROR: dict[str, Cast] = {
    "index": number, "entry_id": text, "url": text, "message": text, "recorded_at": moment,
    "last_status": text, "pending_retry": truth,
}  # fmt: skip
_PLAYLIST: dict[str, Cast] = {
    **_all(
        text,
        "playlist_id id entries_endpoint title uploader uploader_id uploader_url channel channel_id"
        " channel_url description description_short webpage_url thumbnail_url availability live_status"
        " collection_error current_entry_id",
    ),
    **_all(
        number,
        "entry_count total_items completed_items pending_items current_index received_count"
        " channel_follower_count entries_version percent entries_offset",
    ),
    **_all(
        truth,
        "is_collecting_entries has_indefinite_length collection_complete channel_is_verified"
        " entries_external entries_truncated",
    ),
    **_all(
        listed(number),
        "selected_indices completed_indices failed_indices pending_retry_indices removed_indices",
    ),
    "collected_at": moment,
    "thumbnails": _PICTURES,
    "tags": listed(text),
    "entry_refs": listed(fields({"index": number, "id": text, "status": text}, needs=["index"])),
    "entry_errors": listed(fields(_ENTRY_ERROR)),
    "entries": listed(fields(_ENTRY, needs=["index"])),
}  # fmt: skip
_FLAGS = ["is_collecting_entries", "collection_complete", "has_indefinite_length"]
_LIST = fields(_PLAYLIST, needs=["id", "playlist_id", *_FLAGS])
_METADATA: dict[str, Cast] = {
    **_all(
        text,
        "ctx_id playlist_id playlist_title title description thumbnail_url webpage_url original_url",
    ),
    "preview_collected_at": text,
    "playlist_entry_count": number,
    **_all(truth, "requires_playlist_selection is_playlist"),
    "preview": fields(_PREVIEW),
    "playlist": fields(_PLAYLIST, needs=_FLAGS),
}  # fmt: skip
_LINE: dict[str, Cast] = {
    "timestamp": moment, "level": text, "message": text, "playlist_index": number, "playlist_entry_id": text,
}  # fmt: skip
_LOG_LINE = fields(_LINE, needs=["timestamp", "level", "message"])
_JOB: dict[str, Cast] = {
    **_all(text, "job_id status kind error creator status_hint main_file"),
    **_all(moment, "created_at started_at finished_at"),
    **_all(number, "options_version logs_version"),
    **_all(truth, "options_external logs_external"),
    **_all(listed(number), "playlist_failed_indices playlist_pending_indices playlist_removed_indices"),
    "progress": fields(_PROGRESS),
    "metadata": fields(_METADATA, needs=["requires_playlist_selection"]),
    "preview": fields(_PREVIEW),
    "playlist": _LIST,
}  # fmt: skip
_DETAIL: dict[str, Cast] = {
    **_JOB,
    **_all(listed(text), "urls generated_files partial_files"),
    "options": anything,
    "logs": listed(_LOG_LINE),
    "playlist_entry_errors": listed(fields(_ENTRY_ERROR)),
}
_ALWAYS = ["job_id", "status", "kind", "created_at", "metadata"]
_SUMMARY = fields(
    {"total": number, "active": number, "queued": number, "status_counts": anything},
    needs=["total", "active", "queued", "status_counts"],
)

read_job = fields(_JOB, needs=[*_ALWAYS, "options_external", "logs_external"])
read_detail = fields(_DETAIL, needs=[*_ALWAYS, "urls", "options", "logs"])
read_created = fields(
    {"job_id": text, "status": text, "created_at": moment, "stage": text, "stage_name": text,
     "stage_status": text, "stage_percent": number, "percent": number, "message": text},
    needs=["job_id", "status", "created_at"],
)  # fmt: skip
read_listing = fields({"jobs": listed(read_job), "summary": _SUMMARY}, needs=["jobs", "summary"])
read_snapshot = fields({"job_id": text, "status": text, "playlist": _LIST}, needs=["job_id", "playlist"])
_DELTA = fields({"type": text, "version": number, "since": number}, needs=["type"])
read_changes = fields(
    {"job_id": text, "status": text, "playlist": _LIST, "version": number, "delta": _DELTA},
    needs=["playlist", "delta"],
)
read_health = fields(
    {"service": text, "time": moment, "overview": _SUMMARY, "description": text, "metadata": anything,
     "base_url": text, "api_url": text, "overview_socket_url": text, "job_socket_base_url": text,
     "timeout_seconds": number},
    needs=["service", "api_url"],
)  # fmt: skip


def read_previewed(value: Any, place: str) -> None:
    """Read what a preview says: an object, or the one null that means that nothing was found."""
    if set(value) != {"preview"}:
        raise WrongType(f"{place} is {value!r}, expected a preview")
    if value["preview"] is not None:
        fields(_PREVIEW)(value["preview"], place)


def read_versioned(value: Any, place: str) -> None:
    """Read an options or logs snapshot: the only replies that may hold nulls, in three places."""
    kept = {name: inner for name, inner in value.items() if name != "version" or inner is not None}
    kept["delta"] = {name: inner for name, inner in value["delta"].items() if inner is not None}
    whole = {
        "job_id": text, "version": number, "count": number, "delta": _DELTA, "external": truth,
        "options": anything, "logs": listed(_LOG_LINE),
        "entry": fields({"playlist_entry_id": text, "playlist_index": number, "requested_job_id": text}),
    }  # fmt: skip
    fields(whole, needs=["job_id", "delta"])(kept, place)


_INITIAL = fields(
    {"job_id": text, "status": text, "is_terminal": truth, "error": text, **_EVENT},
    needs=["job_id", "status", "is_terminal", "timestamp"],
)
_DELETED = fields(
    {"job_id": text, "status": text, "previous_status": text, **_EVENT},
    needs=["job_id", "status", "previous_status", "timestamp"],
)
_UPDATE = fields({**_JOB, **_EVENT}, needs=[*_ALWAYS, "reason", "timestamp"])
_PREVIEW_READY = fields({**_DETAIL, **_EVENT}, needs=[*_ALWAYS, "reason"])
_COUNTS = (
    "playlist_completed_items playlist_total_items playlist_count playlist_pending_items playlist_percent"
)
_EVENTS: dict[str, Cast] = {
    "overview": fields({"summary": _SUMMARY, "timestamp": moment}, needs=["summary", "timestamp"]),
    "log": fields({"job_id": text, **_LINE}, needs=["job_id", "timestamp", "level", "message"]),
    "progress": fields({**_IN_PROGRESS_EVENT, **_EVENT}, needs=["job_id", "status"]),
    "global_info": fields(
        {"job_id": text, "status": text, "kind": text, "is_playlist": truth, "selection_required": truth,
         "preview": fields(_PREVIEW), "playlist": _LIST, "playlist_total_items": number, "timestamp": moment},
        needs=["job_id", "status", "kind", "is_playlist", "selection_required", "timestamp"],
    ),
    "playlist_snapshot": fields(
        {"job_id": text, "status": text, "playlist": _LIST, **_EVENT}, needs=["job_id", "status", "playlist"]
    ),
    "playlist_progress": fields(
        {"job_id": text, "status": text, **_all(number, _COUNTS),
         "playlist_completed_indices": listed(number),
         "playlist_current_index": number, "playlist_current_entry_id": text,
         "playlist_newly_completed_index": number},
        needs=["job_id", "status", "playlist_completed_items", "playlist_completed_indices"],
    ),
    "playlist_entry_progress": fields(
        {"job_id": text, "playlist_index": number, "playlist_entry_id": text, "job_status": text, **_FIGURES,
         **_STAGES, "generated_files": listed(text), "partial_files": listed(text), "is_terminal": truth,
         "is_active": truth, **_EVENT},
        needs=["job_id", "playlist_index", "state", "status", "stage", "stage_name", "percent", "is_terminal",
               "is_active", "reason", "timestamp"],
    ),
    "list_info_ends": fields(
        {"job_id": text, "entries": listed(fields(_ENTRY)), "entry_count": number, "error": text,
         "timestamp": moment},
        needs=["job_id", "entries", "entry_count", "timestamp"],
    ),
    "error": fields({"message": text, "job_id": text}, needs=["message"]),
}  # fmt: skip
_EVENTS["entry_info"] = _EVENTS["playlist_preview_entry"] = fields(
    {"job_id": text, "entry": fields(_ENTRY, needs=["index"]), "received_count": number, "index": number,
     "entry_count": number, "timestamp": moment},
    needs=["job_id", "entry", "received_count", "index", "timestamp"],
)  # fmt: skip


def read_event(event: str, payload: Mapping[str, Any]) -> None:
    """Check the payload of a WebSocket event."""
    if event == "update":
        _update_cast(payload)(payload, "update")
    else:
        _EVENTS[event](payload, event)


def _update_cast(payload: Mapping[str, Any]) -> Cast:
    reason = payload.get("reason")
    if reason == "initial_sync":
        return _hello if payload.get("job_id") is None else _INITIAL
    if reason == "deleted":
        return _DELETED
    return _PREVIEW_READY if reason == "preview_ready" else _UPDATE


def _hello(value: Any, place: str) -> None:
    """Read the one update whose job is null: it makes the client fetch the list."""
    kept = {name: inner for name, inner in value.items() if name != "job_id"}
    fields(_EVENT, needs=["reason", "timestamp"])(kept, place)
