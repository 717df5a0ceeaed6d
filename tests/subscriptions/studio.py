"""Declares subscriptions, runs the flow for real, and answers questions about what it left behind."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from tests.flows.workshop import Workshop
from vidra.engine.interface import Ending, FlowOutcome
from vidra.state.holdings import Holdings, open_holdings
from vidra.state.interface import Entry, Job
from vidra.state.subscriptions import RunNote, Standing, SubscriptionBook, open_book


@dataclass
class Studio:
    """One data folder, one library, one site, and any number of subscriptions."""

    workshop: Workshop

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.workshop.root / "data"

    def url(self, path: str) -> str:
        """Return an address of the site."""
        return self.workshop.site.url(path)

    def declare(self, **subscriptions: Mapping[str, Any]) -> None:
        """Write the configuration with these subscriptions."""
        text = orjson.dumps(subscriptions).decode()  # JSON is YAML
        self.workshop.write_config(f"subscriptions: {text}\n")

    def run(self, *names: str, stop: threading.Event | None = None, **request: Any) -> FlowOutcome:
        """Run the flow in this process against the real server."""
        from vidra.engine.worker.execution import execute, load_flow

        asked = stop or threading.Event()
        run = execute(
            load_flow("flows.playlist_expansion.playlist_expansion"),
            {"request": {"subscriptions": names, **request}},
            asked=lambda: Ending.CANCEL if asked.is_set() else None,
            on_created=lambda _: None,
        )
        return run.result(90)

    def book(self) -> SubscriptionBook:
        """Open the book as another process would."""
        return open_book(self.data)

    def holdings(self) -> Holdings:
        """Open the holdings as another process would."""
        return open_holdings(self.data)

    def standing(self, name: str) -> Standing:
        """Return where a subscription stands."""
        with self.book() as book:
            return book.standing(name)

    def last(self, name: str) -> RunNote:
        """Return the latest run of a subscription."""
        note = self.standing(name).last_run
        assert note is not None
        return note

    def plan(self, name: str, **request: Any) -> list[dict[str, Any]]:
        """Return the items of a dry run's plan."""
        outcome = self.run(name, dry_run=True, **request)
        with self.book() as book:
            kept = book.plan(outcome.flow_run_id or "", name)
        assert kept is not None
        items: list[dict[str, Any]] = kept["items"]
        return items

    def jobs(self) -> list[Job]:
        """Return all jobs."""
        with self.workshop.state() as state:
            return list(state.jobs.list())

    def entries(self, job_id: str) -> list[Entry]:
        """Return a job's entries."""
        with self.workshop.state() as state:
            return list(state.entries(job_id).all())

    def archive(self) -> list[str]:
        """Return the archive's lines."""
        file = self.data / "archive.txt"
        return file.read_text("utf-8").splitlines() if file.exists() else []

    def shelf(self) -> list[str]:
        """Return the files in the library."""
        return self.workshop.shelf()
