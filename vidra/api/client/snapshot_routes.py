"""`/api/jobs/{id}/options` and `/logs`: what was asked and what was said, by version (section 2.6)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response

from vidra.api.answers import BadBody, json_reply
from vidra.api.client.job import log_line
from vidra.api.client.requests import is_on, limit_of, since_of
from vidra.api.client.values import without_nulls
from vidra.api.context import Context
from vidra.state import State
from vidra.state.interface import Entry, LogLine

router = APIRouter(prefix="/api/jobs", tags=["client"])


@router.get("/{job_id}/options")
async def show_options(job_id: str, request: Request, services: Context) -> Response:
    """Show the job's download options, secrets masked."""
    real_id, marker = split_id(job_id, request)
    await asyncio.to_thread(services.state.jobs.get, real_id)
    entry = await asyncio.to_thread(find_entry, services.state, real_id, marker)
    since = since_of(request)
    version, options = await asyncio.to_thread(services.state.options.load, real_id)
    reply = _snapshot(real_id, version, since, request, {"options": dict(options)})
    return json_reply(reply | _marked(entry, job_id, marker))


@router.get("/{job_id}/logs")
async def show_logs(job_id: str, request: Request, services: Context) -> Response:
    """Show the job's log lines, the newest `limit` of them, oldest first."""
    since, limit = since_of(request), limit_of(request)
    real_id, marker = split_id(job_id, request)
    await asyncio.to_thread(services.state.jobs.get, real_id)
    entry = await asyncio.to_thread(find_entry, services.state, real_id, marker)
    version, lines = await asyncio.to_thread(services.state.logs.tail, real_id)
    wanted = lines if marker is None else _about(lines, entry, marker)
    shown = wanted if limit is None else wanted[-limit:]
    payload = {"logs": [log_line(line) for line in shown]}
    reply = _snapshot(real_id, version, since, request, payload) | {"count": len(shown)}
    return json_reply(reply | _marked(entry, job_id, marker))


def split_id(job_id: str, request: Request) -> tuple[str, str | int | None]:
    """Return the job's id and which entry is meant: its index, its id, or None for the whole job."""
    real_id, colons, rest = job_id.partition("::")
    index = request.query_params.get("entry_index", "").strip()
    if index:
        if not index.isdecimal() or len(index) > 9 or int(index) < 1:
            raise BadBody(None, code="entry_index_invalid")
        return real_id, int(index)
    marker = request.query_params.get("entry_id", "").strip() or (rest if colons else "")
    number = marker.removeprefix("entry-")
    if number.isdecimal() and len(number) <= 9 and marker == rest:
        return real_id, int(number)
    return real_id, marker or None


def find_entry(state: State, job_id: str, marker: str | int | None) -> Entry | None:
    """Return the entry that is meant, None if there is none like it."""
    if marker is None:
        return None
    entries = state.entries(job_id).all()
    by_id = next((entry for entry in entries if entry.entry_id == str(marker)), None)
    return by_id or next((entry for entry in entries if entry.index == marker), None)


def _about(lines: Sequence[LogLine], entry: Entry | None, marker: str | int) -> list[LogLine]:
    index = entry.index if entry else marker
    entry_id = entry.entry_id if entry else marker
    return [
        line
        for line in lines
        if line.playlist_index == index or (line.playlist_entry_id and line.playlist_entry_id == entry_id)
    ]


def _snapshot(
    job_id: str, version: int | None, since: int | None, request: Request, payload: Mapping[str, Any]
) -> dict[str, Any]:
    unchanged = since is not None and since == version
    reply: dict[str, Any] = {
        "job_id": job_id,
        "version": version,
        "delta": {"type": "noop" if unchanged else "full", "version": version, "since": since},
    }
    if version is not None:
        reply["external"] = True
    if not unchanged or is_on(request, "detail"):
        reply.update(payload)
    return reply


def _marked(entry: Entry | None, requested: str, marker: str | int | None) -> dict[str, Any]:
    if marker is None:
        return {}
    fields = {
        "playlist_entry_id": entry.entry_id if entry else marker if isinstance(marker, str) else None,
        "playlist_index": entry.index if entry else marker if isinstance(marker, int) else None,
        "requested_job_id": requested,
    }
    return {"entry": without_nulls(fields)}
