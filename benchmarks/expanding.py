"""A warm engine for subscriptions: Prefect's server runs, flows are imported, as in a run that is forked."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from vidra.engine.environment import applied, embedded_environment
from vidra.engine.jobs.resolution import network_policy, resolve
from vidra.engine.lifecycle.server import EmbeddedServer
from vidra.engine.subscriptions.archive import archive_of
from vidra.media.interface import MediaEntry
from vidra.media.session import MediaSession
from vidra.settings import load_settings


@contextmanager
def warm(config: Path) -> Iterator[None]:
    """Run Prefect's server, and have this process reach it."""
    os.environ["VIDRA_CONFIG"] = str(config)
    os.environ["PREFECT_LOGGING_LEVEL"] = "ERROR"
    settings = load_settings(config=config)
    with EmbeddedServer(embedded_environment(settings), timeout=100.0) as server, applied(server.environment):
        yield


def declare(config: Path, subscriptions: Mapping[str, Mapping[str, Any]]) -> None:
    """Have the configuration declare these subscriptions, and no others."""
    text = config.read_text("utf-8").partition("subscriptions:")[0]
    config.write_text(text + f"subscriptions: {orjson.dumps(subscriptions).decode()}\n", "utf-8")


def listed(config: Path, url: str) -> Sequence[MediaEntry]:
    """Return what a list names."""
    settings = load_settings(config=config)
    options = resolve({}, preset=None, settings=settings)
    library = settings.downloads.library
    with MediaSession(options=options, network=network_policy(settings), library=library) as session:
        return session.list(url).entries


def archive(config: Path, urls: Iterable[str]) -> None:
    """Have the archive know everything that these lists name."""
    keys = (entry.key for url in urls for entry in listed(config, url))
    archive_of(load_settings(config=config)).add_all(keys)


def expand(*names: str) -> None:
    """Run the flow on these subscriptions in this process; all must go well and find nothing new."""
    from vidra.engine.worker.execution import execute, load_flow  # noqa: PLC0415 - the server goes first

    run = execute(
        load_flow("flows.playlist_expansion.playlist_expansion"),
        {"request": {"subscriptions": names}},
        asked=lambda: None,
        on_created=lambda _: None,
    )
    outcome = run.result(100)
    assert outcome.status.value == "completed", outcome
    assert "downloaded" not in outcome.message, outcome
