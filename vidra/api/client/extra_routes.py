"""What the client's contract has besides jobs: profiles, and behind their flag preview and dry run."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request, Response

from vidra.api.answers import BadBody, json_reply
from vidra.api.client.preview import preview_of
from vidra.api.client.requests import options_of, read_object, urls_of
from vidra.api.context import Context
from vidra.api.services import Services
from vidra.engine.jobs.resolution import network_policy, resolve
from vidra.errors import OptionRefused, PathRefused, TryLater, UrlRefused, VidraError
from vidra.media.addresses import check_urls, system_resolver
from vidra.redaction import redact

router = APIRouter(prefix="/api", tags=["client"])
preview_router = APIRouter(prefix="/api", tags=["client"])


@router.get("/profiles")
async def list_profiles() -> Response:
    """Say that profiles live in the client."""
    return json_reply({"profiles": [], "message": "profiles_not_implemented"})


@preview_router.post("/preview")
async def preview(request: Request, services: Context) -> Response:
    """Show what the first address names; null when it cannot be found out."""
    body = await read_object(request)
    urls, options = urls_of(body), options_of(body)
    await asyncio.to_thread(_checked, services, urls, options)
    previewer = services.backend.previewer
    try:
        listing = await previewer.preview(urls[0], options) if previewer else None
    except (UrlRefused, OptionRefused, PathRefused):
        raise
    except VidraError:
        listing = None
    return json_reply({"preview": preview_of(listing, urls[0]) if listing else None})


@preview_router.post("/jobs/dry-run")
async def dry_run(request: Request, services: Context) -> Response:
    """Show what a job with these options would hand to yt-dlp; nothing is stored."""
    body = await read_object(request)
    urls, options = urls_of(body), options_of(body)
    try:
        shown = await asyncio.to_thread(_checked, services, urls, options)
    except (UrlRefused, OptionRefused, PathRefused, TryLater) as error:
        raise BadBody(redact(str(error)), code="dry_run_failed") from error
    return json_reply({"cli_args": _flags(shown), "urls": list(urls), "options": shown})


def _checked(services: Services, urls: tuple[str, ...], options: dict[str, Any]) -> dict[str, Any]:
    """Return the merged options for showing; raises what a job's creation would raise."""
    settings = services.backend.settings
    check_urls(urls, network_policy(settings), resolver=system_resolver)
    return resolve(options, preset=None, settings=settings).to_json()


def _flags(options: dict[str, Any]) -> list[str]:
    """Spell the options as command-line flags; for a person to read, not to run."""
    flags: list[str] = []
    for name, value in options.items():
        flag = name.replace("_", "-")
        if value is True:
            flags.append(f"--{flag}")
        elif value is False or value is None:
            flags.append(f"--no-{flag}")
        else:
            text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
            flags += [f"--{flag}", text]
    return flags
