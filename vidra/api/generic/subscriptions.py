"""`/api/v1/subscriptions`: what is declared, when it runs, how it fared; paused and resumed.

They are declared in the configuration alone. `POST /api/v1/flows/playlist-expansion/runs` runs them.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from vidra.api.answers import BadBody
from vidra.api.context import Context
from vidra.api.generic.routes import PROBLEMS
from vidra.api.refusals import GENERIC
from vidra.api.services import Services
from vidra.engine.subscriptions.view import SubscriptionCard, book_of, cards
from vidra.redaction import redact_url
from vidra.settings.inheritance import unknown_name
from vidra.state.subscriptions import RunNote, RunResult

router = APIRouter(prefix=f"{GENERIC}/subscriptions", responses=PROBLEMS, tags=["subscriptions"])

Name = Annotated[str, Path(max_length=200, description="Name of the subscription.")]


class SubscriptionRun(BaseModel):
    """One run of one subscription."""

    started_at: str
    finished_at: str
    result: RunResult
    message: str | None = None
    listed: int
    planned: int
    downloaded: int
    failed: int
    job_id: str | None = None
    flow_run_id: str | None = None


class Subscription(BaseModel):
    """One subscription and where it stands."""

    name: str
    urls: list[str] = Field(description="Its lists; user names and passwords are masked.")
    schedule: str = Field(description="When it runs by itself, for a person.")
    next_run: str | None = Field(description="When that is next; null while it is paused or runs by hand.")
    paused: bool
    held: int = Field(description="Items of its lists that the archive has.")
    last_run: SubscriptionRun | None = None


class SubscriptionDetail(Subscription):
    """One subscription with its latest runs, the latest last."""

    runs: list[SubscriptionRun]


class SubscriptionList(BaseModel):
    """All subscriptions that have addresses."""

    subscriptions: list[Subscription]


@router.get("")
async def list_subscriptions(services: Context) -> SubscriptionList:
    """List the subscriptions."""
    backend = services.backend
    found = await asyncio.to_thread(cards, backend.settings, clock=backend.clock)
    return SubscriptionList(subscriptions=[Subscription(**_shown(card)) for card in found])


@router.get("/{name}")
async def show_subscription(name: Name, services: Context) -> SubscriptionDetail:
    """Show one subscription with its latest runs."""
    return await asyncio.to_thread(_detail, services, name)


@router.post("/{name}/pause")
async def pause_subscription(name: Name, services: Context) -> SubscriptionDetail:
    """Have it not run by itself until it is resumed; what is under way goes on. Harmless to repeat."""
    return await asyncio.to_thread(_set_paused, services, name, paused=True)


@router.post("/{name}/resume")
async def resume_subscription(name: Name, services: Context) -> SubscriptionDetail:
    """Have it run by itself again. Harmless to repeat."""
    return await asyncio.to_thread(_set_paused, services, name, paused=False)


def _set_paused(services: Services, name: str, *, paused: bool) -> SubscriptionDetail:
    _check_name(services, name)
    with book_of(services.backend.settings) as book:
        book.pause(name, paused=paused)
    return _detail(services, name)


def _detail(services: Services, name: str) -> SubscriptionDetail:
    _check_name(services, name)
    backend = services.backend
    (card,) = cards(backend.settings, [name], clock=backend.clock)
    return SubscriptionDetail(**_shown(card), runs=[_run(note) for note in card.standing.runs])


def _check_name(services: Services, name: str) -> None:
    declared = services.backend.settings.subscriptions
    if name not in declared:
        raise BadBody(unknown_name(name, declared), code="subscription_not_found", status=404)


def _shown(card: SubscriptionCard) -> dict[str, Any]:
    last = card.standing.last_run
    return card.to_json() | {
        "urls": [redact_url(url) for url in card.settings.urls],
        "last_run": None if last is None else _run(last),
    }


def _run(note: RunNote) -> SubscriptionRun:
    return SubscriptionRun(**note.model_dump(exclude={"version"}))
