"""Counts what the shim does, in Prometheus' text format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, Histogram, generate_latest
from prometheus_client import Counter as Total

from vidra.state.interface import JobStatus

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """One registry for each application, so that two in one process do not mix."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Total(
            "vidra_http_requests",
            "Requests answered.",
            ["method", "route", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "vidra_http_request_seconds",
            "Time to answer.",
            ["route"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._jobs = Gauge("vidra_jobs", "Jobs by status.", ["status"], registry=self._registry)
        self._subscribers = Gauge(
            "vidra_stream_subscribers", "Open streams by room.", ["room"], registry=self._registry
        )
        self._dropped = Total(
            "vidra_stream_dropped", "Streams that were ended, by reason.", ["reason"], registry=self._registry
        )

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer; `route` is the template, so that ids make no series of their own."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def dropped(self, reason: str) -> None:
        """Count one stream that was ended by us."""
        self._dropped.labels(reason).inc()

    def text(self, jobs: Mapping[JobStatus, int], rooms: Iterable[tuple[str, int]]) -> bytes:
        """Return everything, with jobs and streams as they are now."""
        for status in JobStatus:
            self._jobs.labels(status.value).set(jobs.get(status, 0))
        counted: Counter[str] = Counter()
        for room, count in rooms:
            counted[room] += count
        self._subscribers.clear()
        for room, count in counted.items():
            self._subscribers.labels(room).set(count)
        return generate_latest(self._registry)
