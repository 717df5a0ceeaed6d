"""How sources look from outside: for tables, JSON and the API. Never a secret among it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from vidra.clock import iso
from vidra.connections import History, Offline, Online, ProbeResult, Standing, score
from vidra.engine.sources.access import standing_of
from vidra.redaction import redact_url
from vidra.state.source_interface import Source, SourceEvent, SourceKind


def source_json(source: Source, *, now: datetime) -> dict[str, Any]:
    """Return the source with its connections, best first."""
    standing = standing_of(source)
    page = source.model_dump(mode="json", exclude={"version", "standing"})
    page["connection"] = connection_json(source, now=now)
    page["connections"] = connection_rows(standing)
    page["last_check"] = None if standing.last_check is None else iso(standing.last_check)
    page["next_check"] = None if standing.next_check is None else iso(standing.next_check)
    return page


def connection_json(source: Source, *, now: datetime) -> dict[str, Any]:
    """Return what an operation would use now: `online` with its address, `offline` until, or `unknown`."""
    if source.type is SourceKind.LOCAL:
        return {"status": "online", "uri": None, "class": "local", "until": None}
    answer = standing_of(source).answer(now)
    if isinstance(answer, Online):
        uri = redact_url(answer.uri)
        return {"status": "online", "uri": uri, "class": answer.quality.value, "until": None}
    until = iso(answer.until) if isinstance(answer, Offline) else None
    return {
        "status": "offline" if until else "unknown", "uri": None, "class": None, "until": until,
    }  # fmt: skip


def connection_rows(standing: Standing) -> list[dict[str, Any]]:
    """Return the score table: one row an address, those that answer first, best score first."""
    results = {result.candidate.uri: result for result in standing.results}
    rows = [
        _row(standing, results.get(one.uri) or ProbeResult(candidate=one), one.uri in results)
        for one in standing.candidates
    ]
    return sorted(rows, key=lambda row: (row["score"] is None, row["score"] or 0))


def event_json(event: SourceEvent) -> dict[str, Any]:
    """Return an event as it is told."""
    return event.model_dump(mode="json", exclude={"version"})


def _row(standing: Standing, result: ProbeResult, asked: bool) -> dict[str, Any]:
    one = result.candidate
    history = standing.histories.get(one.uri, History())
    points = score(one, available=result.available, response_ms=result.response_ms) if asked else None
    return {
        "uri": redact_url(one.uri),
        "class": one.connection_class.value,
        "score": points,
        "available": result.available if asked else None,
        "response_ms": None if result.response_ms is None else round(result.response_ms, 1),
        "usual_ms": None if history.latency_ms is None else round(history.latency_ms, 1),
        "success_rate": round(history.success_rate, 3),
        "problem": None if result.failure is None else (result.detail or result.failure.value),
        "in_use": one.uri == standing.primary,
        "pinned": one.uri == standing.pinned,
        "manual": one.manual,
    }
