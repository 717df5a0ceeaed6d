"""What remembering costs: changes, ticks, opening, importing; beside stock TinyDB and the old back end."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
from tinydb import TinyDB

from benchmarks.figures import Figure, median_seconds
from vidra.state import open_state
from vidra.state.interface import Entry, Job, JobProgress, JobStatus
from vidra.state.journal import Journal

DOCUMENT = {"version": 1, "name": "a document of about 330 bytes", "text": "x" * 280}
TABLE = "things"
OLD_TRANSITION_MS, OLD_TICK_MS = 805.0, 659.0
"""Milliseconds that the Vidra 1.x back end took, as measured for the client contract, section 10."""


def run() -> list[Figure]:
    """Measure in temporary folders."""
    with tempfile.TemporaryDirectory(prefix="vidra-bench-") as folder:
        base = Path(folder)
        return [
            figure
            for measure in (updates, transitions, ticks, opening, importing)
            for figure in measure(base / measure.__name__)
        ]


def milliseconds(action: Callable[[int], object], *, times: int) -> float:
    """Return the median time of one call in ms."""
    samples = []
    for number in range(times):
        began = time.perf_counter()
        action(number)
        samples.append(time.perf_counter() - began)
    return statistics.median(samples) * 1000


def filled(path: Path, count: int) -> Path:
    """Write a stock TinyDB file with that many documents."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(orjson.dumps({TABLE: {str(number): DOCUMENT for number in range(1, count + 1)}}))
    return path


def updates(folder: Path) -> Iterator[Figure]:
    """Measure one durable update by id, alternating between both sizes so that the disk treats them alike."""
    small, large = (Journal(filled(folder / f"ours{count}.json", count)) for count in (100, 50_000))

    def update(journal: Journal) -> Callable[[int], object]:
        return lambda number: journal.change(lambda _: [(TABLE, 7, {**DOCUMENT, "n": number})])

    for journal in (small, large):
        journal.settle()
    rounds = [
        (milliseconds(update(small), times=50), milliseconds(update(large), times=50)) for _ in range(8)
    ]
    at_small, at_large = (statistics.median(column) for column in zip(*rounds, strict=True))
    yield Figure(
        name="update at 50,000 documents, beside 100",
        ours=at_large,
        unit="ms",
        peer=at_small,
        peer_name="ours at 100",
        target=1.5,
        target_is_ratio=True,
    )
    with TinyDB(filled(folder / "stock.json", 50_000)) as stock:
        table = stock.table(TABLE)
        peer = milliseconds(lambda number: table.update({"n": number}, doc_ids=[7]), times=5)
    yield Figure(
        name="update at 50,000 documents",
        ours=at_large,
        unit="ms",
        peer=peer,
        peer_name="stock TinyDB",
        target=0.01,
        target_is_ratio=True,
    )


def transitions(folder: Path) -> Iterator[Figure]:
    """Measure a state transition among 500 other jobs."""
    with open_state(folder) as state:
        for number in range(501):
            job = Job(
                job_id=f"job-{number}", urls=("https://media.test/1",), created_at="2026-11-20T00:00:00Z"
            )
            state.jobs.add(job.model_copy(update={"metadata": {"description": "x" * 800}}))
        turns = (JobStatus.RUNNING, JobStatus.PAUSED)
        size = (folder / "download_state.journal").stat().st_size
        took = milliseconds(
            lambda n: state.jobs.transition("job-7", turns[n % 2], allowed_from=set(JobStatus)), times=200
        )
        written = ((folder / "download_state.journal").stat().st_size - size) / 200
    peer = OLD_TRANSITION_MS
    name = "transition among 500 jobs"
    yield Figure(name=name, ours=took, unit="ms", peer=peer, peer_name="Vidra 1.x (recorded)", target=2)
    yield Figure(name=f"{name}, written", ours=written, unit="bytes", peer=15.3e6, target=4096)


def ticks(folder: Path) -> Iterator[Figure]:
    """Measure a progress tick of an entry and its job, with a list of 1,000."""
    with open_state(folder) as state:
        state.jobs.add(Job(job_id="job-1", urls=("https://media.test/1",), created_at="2026-11-20T00:00:00Z"))
        entries = state.entries("job-1")
        entries.put(
            Entry(index=n, url=f"https://media.test/{n}", extra={"description": "x" * 500})
            for n in range(1, 1001)
        )
        files = [folder / "download_state.journal", folder / "playlist_entries" / "job-1.journal"]
        before = sum(file.stat().st_size for file in files)

        def tick(number: int) -> None:
            figures = JobProgress(percent=number / 10, downloaded_bytes=number, total_bytes=10**9, speed=1e6)
            entries.update(500, durable=False, progress=figures)
            state.jobs.set_progress("job-1", figures)

        began = time.process_time()
        for number in range(300):
            tick(number)
        cpu = (time.process_time() - began) / 300 * 1000
        written = (sum(file.stat().st_size for file in files) - before) / 300
    name = "tick of a list of 1,000"
    yield Figure(
        name=name, ours=cpu, unit="ms CPU", peer=OLD_TICK_MS, peer_name="Vidra 1.x (recorded)", target=5
    )
    yield Figure(name=f"{name}, written", ours=written, unit="bytes", peer=273e3, target=2048)


def opening(folder: Path) -> Iterator[Figure]:
    """Measure opening and reading 50,000 documents, in a process of its own for the memory."""
    path = filled(folder / "a.json", 50_000)
    Journal(path).settle()

    def ours() -> None:
        with Journal(path).reading() as replica:
            assert len(replica.tables[TABLE]) == 50_000

    def stock() -> None:
        with TinyDB(path) as database:
            assert len(database.table(TABLE)) == 50_000

    yield Figure(
        name="open 50,000 documents",
        ours=median_seconds(ours) * 1000,
        unit="ms",
        peer=median_seconds(stock) * 1000,
        peer_name="stock TinyDB",
        target=500,
    )
    own = "from vidra.state.journal import Journal; j = Journal(Path(sys.argv[1])); j.reading().__enter__()"
    peer = "from tinydb import TinyDB; d = TinyDB(sys.argv[1]).table('things').all()"
    yield Figure(
        name="memory with 50,000 documents",
        ours=resident(own, path),
        unit="MiB",
        peer=resident(peer, path),
        peer_name="stock TinyDB",
        target=200,
    )


def resident(code: str, path: Path) -> float:
    """Return the resident size in MiB of a process that ran the code and holds its result."""
    report = "import psutil; print(psutil.Process().memory_info().rss)"
    script = f"import sys; from pathlib import Path; {code}; {report}"
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True)
    return int(done.stdout) / 1024**2


def importing(folder: Path) -> Iterator[Figure]:
    """Measure the first start on a 1.x file of 1,000 jobs."""
    folder.mkdir()
    records = [
        {
            "job_id": f"job-{n}",
            "urls": ["https://media.test/1"],
            "status": "completed",
            "metadata": {"t": "x" * 800},
        }
        for n in range(1000)
    ]
    (folder / "download_state.json").write_text(json.dumps({"jobs": records}, indent=2))
    began = time.perf_counter()
    with open_state(folder) as state:
        assert len(state.jobs.list()) == 1000
    yield Figure(
        name="import 1,000 jobs of 1.x", ours=(time.perf_counter() - began) * 1000, unit="ms", target=1000
    )
