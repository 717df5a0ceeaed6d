"""Libraries: a full sync against plexapi, an incremental one, and searching, over 52,000 items.

Everything runs in processes of its own: the server, each client, the command, the API.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import httpx

from benchmarks.figures import Figure, show
from benchmarks.library_server import TOKEN, large_server

MOVIES, SHOWS, EPISODES = 10_000, 1_000, 39_000
ROUNDS: Final = 3
CHANGES: Final = 20
_ROOT = Path(__file__).parents[1]
_AT = "2026-11-20T20:00:00.000000Z"
_QUERY: Final = "zat"


def run() -> list[Figure]:
    """Measure; takes about two minutes on a quiet machine."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder, large_server(MOVIES, SHOWS, EPISODES) as url:
        data = Path(folder) / "data"
        pairs = [(_sync(_fresh(folder, number), url), _plexapi(url)) for number in range(ROUNDS)]
        ours, theirs = min(pairs, key=lambda pair: pair[0]["seconds"])[0], [peer for _, peer in pairs]
        figures += _full(ours, theirs)
        figures += _incremental(data, url)
        figures += _searches(data)
    return figures


def _fresh(folder: str, number: int) -> Path:
    data = Path(folder) / ("data" if number == 0 else f"data{number}")
    data.mkdir()
    return data


def _full(ours: dict[str, Any], theirs: list[dict[str, Any]]) -> list[Figure]:
    peer = min(one["seconds"] for one in theirs)
    assert ours["items"] == theirs[0]["items"], (ours, theirs)
    return [
        Figure(
            name=f"full sync of {ours['items']} items, the flow run",
            ours=ours["seconds"],
            peer=peer,
            peer_name="plexapi listing the same",
            unit="s",
            target=0.5,
            target_is_ratio=True,
        ),
        Figure(name="full sync, peak memory of the run", ours=ours["mebibytes"], unit="MiB", target=400),
    ]


def _incremental(data: Path, url: str) -> list[Figure]:
    _sync(data, url)
    httpx.get(f"{url}/control/change", params={"count": CHANGES}, timeout=60).raise_for_status()
    before = _bytes_written(data)
    found = _sync(data, url)
    written = _bytes_written(data) - before
    assert found["changed"] == CHANGES, found
    return [
        Figure(name=f"incremental sync with {CHANGES} changes", ours=found["seconds"], unit="s", target=1.5),
        Figure(name="incremental sync, requests", ours=found["requests"], unit="", target=20),
        Figure(
            name="incremental sync, bytes written for each change",
            ours=written / CHANGES,
            unit="B",
            target=4096,
        ),
    ]


def _bytes_written(data: Path) -> int:
    return sum(file.stat().st_size for file in (data / "library").iterdir())


def _searches(data: Path) -> list[Figure]:
    command = [sys.executable, "-m", "vidra.cli", "--data-dir", str(data), "library", "search", _QUERY]
    cold = []
    for _ in range(5):
        began = time.perf_counter()
        done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=True)
        cold.append(time.perf_counter() - began)
        assert len(done.stdout.splitlines()) > 1
    return [
        Figure(
            name="`library search` from the command line, cold",
            ours=statistics.median(cold),
            unit="s",
            target=1.5,
        ),
        Figure(name="the same over the API, warm", ours=_warm(data) * 1000, unit="ms", target=30),
    ]


def _warm(data: Path) -> float:
    """Return the median seconds of a search over HTTP, once the library is in memory."""
    with _child("api", str(data)) as process:
        assert process.stdout is not None
        base, token = process.stdout.readline().split()
        times = []
        with httpx.Client(base_url=base, headers={"X-API-Token": token}, timeout=30) as client:
            for number in range(30):
                began = time.perf_counter()
                client.get("/api/v1/library/search", params={"q": f"{_QUERY}"}).raise_for_status()
                if number >= 5:
                    times.append(time.perf_counter() - began)
        process.kill()
    return statistics.median(times)


def _sync(data: Path, url: str) -> dict[str, Any]:
    """Sync in a process of its own; return seconds of the run, its memory, and what it did."""
    return _told(_child("sync", str(data), url))


def _plexapi(url: str) -> dict[str, Any]:
    return _told(_child("plexapi", url))


def _child(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.library", *arguments],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )


def _told(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, _ = process.communicate(timeout=300)
    assert process.returncode == 0, out
    told: dict[str, Any] = json.loads(out.splitlines()[-1])
    return told


def _do_sync(data: str, url: str) -> dict[str, Any]:
    """Run the flow against a private server; time the flow, not the server's start."""
    import resource  # noqa: PLC0415 - in the child only

    from pydantic import SecretStr  # noqa: PLC0415 - the same

    from vidra.credentials import Place, open_credentials  # noqa: PLC0415 - the same

    folder = Path(data)
    _add_source(folder, url)
    open_credentials(folder, place=Place.FILE).save("source:home", "token", SecretStr(TOKEN))
    httpx.get(f"{url}/control/reset")
    seconds, message = _run_flow(folder)
    requests = httpx.get(f"{url}/control/read").json()["requests"]
    from vidra.engine.library.shelves import open_shelf  # noqa: PLC0415 - the same
    from vidra.settings.storage import StorageSettings  # noqa: PLC0415 - the same

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with open_shelf(StorageSettings(data_dir=folder), "home") as shelf:
        status = shelf.get("sync", "status") or {}
        items = len(shelf.all("items"))
    assert status.get("state") == "complete", message
    facts = {"seconds": seconds, "mebibytes": peak, "requests": requests, "items": items}
    return facts | {"changed": status["difference"].get("changed", 0)}


def _add_source(folder: Path, url: str) -> None:
    from vidra.connections import Candidate, Standing  # noqa: PLC0415 - in the child only
    from vidra.errors import SourceNotFound  # noqa: PLC0415 - the same
    from vidra.state import open_state  # noqa: PLC0415 - the same
    from vidra.state.source_interface import Source, SourceKind  # noqa: PLC0415 - the same

    standing = Standing(candidates=(Candidate(uri=url, local=True),)).model_dump(mode="json")
    with open_state(folder) as state:
        try:
            state.sources.get("home")
        except SourceNotFound:
            state.sources.add(
                Source(
                    source_id="home",
                    name="Home",
                    type=SourceKind.PLEX,
                    machine_id="machine-1",
                    standing=standing,
                    created_at=_AT,
                    updated_at=_AT,
                )
            )


def _run_flow(folder: Path) -> tuple[float, str]:
    from vidra.engine.interface import EngineStage, EngineStatus  # noqa: PLC0415 - in the child only
    from vidra.engine.lifecycle.private import run_privately  # noqa: PLC0415 - the same
    from vidra.settings import load_settings  # noqa: PLC0415 - the same

    os.environ |= {"VIDRA_SERVER_DATA": str(folder), "VIDRA_CREDENTIALS__PLACE": "file"}
    marks: dict[EngineStage, float] = {}

    def note(status: EngineStatus) -> None:
        """Note when the run began and when its server was told to stop."""
        marks.setdefault(status.stage, time.perf_counter())

    outcome = run_privately(
        "flows.library_sync.library_sync", {"request": {}}, settings=load_settings(), on_status=note
    )
    return marks[EngineStage.STOPPING] - marks[EngineStage.RUNNING], outcome.message


def _do_plexapi(url: str) -> dict[str, Any]:
    from plexapi.server import PlexServer  # noqa: PLC0415 - only this peer needs it

    began = time.perf_counter()
    build: Any = PlexServer
    library = build(url, TOKEN).library
    series = library.section("Series")
    items = len(library.section("Films").all())
    items += sum(len(series.all(libtype=kind)) for kind in ("show", "season", "episode"))
    return {"seconds": time.perf_counter() - began, "items": items}


def _do_api(data: str) -> None:
    from tests.api.serving import settings_in, shim  # noqa: PLC0415 - in the child only

    root = Path(data).parent
    with shim(root, settings=settings_in(root)) as running:
        sys.stdout.write(f"{running.base} {running.token}\n")
        sys.stdout.flush()
        time.sleep(3600)


def main() -> None:
    """Be one of the children, or measure and show everything."""
    what = sys.argv[1:2]
    if what == ["sync"]:
        sys.stdout.write(json.dumps(_do_sync(*sys.argv[2:])) + "\n")
    elif what == ["plexapi"]:
        sys.stdout.write(json.dumps(_do_plexapi(*sys.argv[2:])) + "\n")
    elif what == ["api"]:
        _do_api(*sys.argv[2:])
    else:
        show(run())


if __name__ == "__main__":
    main()
