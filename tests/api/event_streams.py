"""Reads Server-Sent Events of the generic face as a browser's `EventSource` does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from tests.api.serving import Shim


@contextmanager
def lines_of(served: Shim, path: str = "/api/v1/events", last: str | None = None) -> Iterator[Iterator[str]]:
    """Yield the lines of a stream, resumed behind the event `last`; it is followed from here on."""
    headers = {} if last is None else {"Last-Event-ID": last}
    with served.client(**headers) as client, client.stream("GET", path) as reply:
        assert reply.status_code == 200, reply.read()
        lines = reply.iter_lines()
        assert next(lines) == ": connected"
        yield lines


@contextmanager
def events_of(
    served: Shim, path: str = "/api/v1/events", last: str | None = None
) -> Iterator[Iterator[dict[str, str]]]:
    """Yield the events of a stream, each as its fields."""
    with lines_of(served, path, last) as lines:
        yield parsed(lines)


def parsed(lines: Iterable[str]) -> Iterator[dict[str, str]]:
    """Return the events that the lines hold; signs of life are none."""
    fields: dict[str, str] = {}
    for line in lines:
        if not line:
            if "data" in fields:
                yield fields
            fields = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value
