"""Runs the download-job flow for real and answers questions about what it left behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.site.server import MediaSite
from vidra.engine.interface import Ending, FlowOutcome
from vidra.engine.jobs.submission import submit
from vidra.media.request import DownloadRequest
from vidra.settings import load_settings
from vidra.state import State, open_state
from vidra.state.interface import Entry, Job, LogLine

CONFIG = """\
storage: {{data_dir: {root}/data, cache_dir: {root}/cache}}
downloads:
  library: {root}/library
  free_space_floor: 0
  retries: 2
  retry_delay: 0.05
  retry_jitter: 0
  concurrency: 4
network: {{allowed_addresses: ["127.0.0.1:{port}"]}}
"""


@dataclass
class Workshop:
    """One data folder, one library, one site."""

    site: MediaSite
    root: Path
    tag: str

    def write_config(self, extra: str = "") -> Path:
        """Write (again) the configuration file, with further sections behind the usual ones."""
        path = self.root / "vidra.yaml"
        port = self.site.base.rpartition(":")[2]
        path.write_text(CONFIG.format(root=self.root, port=port) + extra, encoding="utf-8")
        return path

    def faulty(self, faults: str, file: str = "m/vid001.mp4") -> str:
        """Return the address of a page whose file has these faults, with counters of this test's own."""
        return self.site.url(f"/p/{faults},tag{self.tag}/{file}")

    @contextmanager
    def state(self) -> Iterator[State]:
        """Open the state as another process would."""
        opened = open_state(self.root / "data")
        try:
            yield opened
        finally:
            opened.close()

    def submit(self, *urls: str, **fields: Any) -> Job:
        """Store a job the way the command line does."""
        with self.state() as state:
            return submit(DownloadRequest(urls=urls, **fields), settings=load_settings(), state=state)

    def run(self, job: Job, *, stop: threading.Event | None = None, **fields: Any) -> FlowOutcome:
        """Run the flow on a stored job."""
        return self.run_request({"job_id": job.job_id, **fields}, stop=stop)

    def run_request(self, request: dict[str, Any], *, stop: threading.Event | None = None) -> FlowOutcome:
        """Run the flow in this process against the real server."""
        from vidra.engine.worker.execution import execute, load_flow

        asked = stop or threading.Event()
        run = execute(
            load_flow("flows.download_job.download_job"),
            {"request": request},
            asked=lambda: Ending.CANCEL if asked.is_set() else None,
            on_created=lambda _: None,
        )
        return run.result(90)

    def download(self, *urls: str, **fields: Any) -> tuple[Job, FlowOutcome]:
        """Store a job and run it; return what became of both."""
        job = self.submit(*urls, **fields)
        outcome = self.run(job)
        return self.job(job.job_id), outcome

    def job(self, job_id: str) -> Job:
        """Return the job as it is stored now."""
        with self.state() as state:
            return state.jobs.get(job_id)

    def entries(self, job: Job) -> list[Entry]:
        """Return the job's entries as they are stored now."""
        with self.state() as state:
            return list(state.entries(job.job_id).all())

    def log(self, job: Job) -> list[LogLine]:
        """Return the job's log lines."""
        with self.state() as state:
            return list(state.logs.tail(job.job_id)[1])

    def shelf(self) -> list[str]:
        """Return the files in the library, unfinished ones left out."""
        library = self.root / "library"
        files = (path.relative_to(library) for path in library.rglob("*") if path.is_file())
        return sorted(str(path) for path in files if not path.parts[0].startswith("."))

    def parts(self) -> list[Path]:
        """Return the unfinished files."""
        return sorted((self.root / "library").rglob("*.part"))


def flow_run(outcome: FlowOutcome) -> Any:
    """Return what Prefect knows about the run."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        return client.read_flow_run(UUID(outcome.flow_run_id))


def ask_prefect(path: str, body: dict[str, Any]) -> Any:
    """Post to Prefect's API and return the answer."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        return client._client.post(path, json=body).json()
