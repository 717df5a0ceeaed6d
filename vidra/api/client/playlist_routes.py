"""`/api/jobs/{id}/playlist…`: look at a list, choose from it, retry or take out entries (2.5, 2.7)."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from vidra.api.answers import BadBody, json_reply
from vidra.api.client.playlist import playlist_object
from vidra.api.client.requests import (
    includes,
    indices_of,
    is_on,
    limit_of,
    offset_of,
    read_object,
    since_of,
    targets_of,
)
from vidra.api.client.values import without_nulls
from vidra.api.client.view import JobView
from vidra.api.context import Context
from vidra.api.services import Services
from vidra.engine.jobs.entry_commands import JOB_OVER, REMOVED, EntryResult

router = APIRouter(prefix="/api/jobs/{job_id}/playlist", tags=["client"])

LARGEST_PAGE: Final = 500


@router.get("")
async def show_playlist(job_id: str, request: Request, services: Context) -> Response:
    """Show the list; with its entries if asked."""
    view = await _list_view(services, job_id, "playlist_entries_unavailable")
    offset, limit = offset_of(request), limit_of(request)
    if "entries" in includes(request) or is_on(request, "detail"):
        return json_reply(_page(view, offset, limit))
    return json_reply(_reply(view, playlist_object(view)))


@router.get("/items")
async def show_items(job_id: str, request: Request, services: Context) -> Response:
    """Show a page of the list's entries."""
    view = await _list_view(services, job_id, "playlist_metadata_unavailable")
    offset, limit = offset_of(request), limit_of(request)
    return json_reply(_page(view, offset, None if limit is None else min(limit, LARGEST_PAGE)))


@router.get("/items/delta")
async def show_changes(job_id: str, request: Request, services: Context) -> Response:
    """Show the entries again, unless nothing has changed since the version the client has."""
    view = await _list_view(services, job_id, "playlist_metadata_unavailable")
    since = since_of(request)
    version = view.tally.version if view.tally else None
    unchanged = since is not None and since == version
    kind = "noop" if unchanged else "full" if since is None else "reset"
    playlist = playlist_object(view, entries=None if unchanged else view.listed, whole=True)
    delta = without_nulls({"type": kind, "version": version, "since": since})
    return json_reply(_reply(view, playlist) | {"version": version, "delta": delta})


@router.post("/selection")
async def select_entries(job_id: str, request: Request, services: Context) -> Response:
    """Choose entries and let the download begin."""
    body = await read_object(request)
    result = await services.entries.select(job_id, indices_of(body, nested=False) or None)
    services.hub.nudge()
    status = 409 if result.reason == JOB_OVER else 200
    fields = {"job_id": job_id, "status": result.status, "selection": result.selection}
    return json_reply(without_nulls(fields | {"reason": result.reason}), status)


@router.post("/retry")
async def retry_entries(job_id: str, request: Request, services: Context) -> Response:
    """Download failed entries again."""
    targets = targets_of(await read_object(request))
    result = await services.entries.retry(job_id, targets)
    _changed(services, job_id)
    fields: dict[str, Any] = {"job_id": job_id, "status": result.status, "reason": result.reason}
    if result.done:
        fields |= {"pending_indices": list(result.indices), "selection": result.selection}
    return json_reply(without_nulls(fields), 200 if result.done else 409)


@router.post("/delete")
async def delete_entries(job_id: str, request: Request, services: Context) -> Response:
    """Take entries out of the list; their files stay."""
    targets = targets_of(await read_object(request))
    result = await services.entries.remove(job_id, targets)
    _changed(services, job_id)
    return json_reply(_removal(result))


def _removal(result: EntryResult) -> dict[str, Any]:
    fields = {
        "job_id": result.job_id,
        "status": result.status,
        "reason": result.reason,
        "removed_indices": list(result.indices) if result.status == REMOVED else None,
        "missing_entry_ids": list(result.missing_entry_ids) or None,
        "invalid_indices": list(result.invalid_indices) or None,
        "job_status": result.job_status,
    }
    return without_nulls(fields)


def _changed(services: Services, job_id: str) -> None:
    services.pages.forget(job_id)
    services.hub.nudge()


async def _list_view(services: Services, job_id: str, code: str) -> JobView:
    job = await asyncio.to_thread(services.state.jobs.get, job_id)
    view = await asyncio.to_thread(services.view, job, deep=True)
    if not view.is_list:
        raise BadBody(None, code=code, status=404)
    return view


def _page(view: JobView, offset: int, limit: int | None) -> dict[str, Any]:
    end = None if limit is None else offset + limit
    playlist = playlist_object(view, entries=view.listed[offset:end], whole=True)
    if offset:
        playlist["entries_offset"] = offset
    if end is not None and end < len(view.listed):
        playlist |= {"entries_truncated": True, "entries_external": True}
    return _reply(view, playlist)


def _reply(view: JobView, playlist: dict[str, Any]) -> dict[str, Any]:
    return {"job_id": view.job.job_id, "status": view.job.status.value, "playlist": playlist}
