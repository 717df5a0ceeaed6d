"""What subscriptions cost: all archived, many at once, long lists; next to ytdl-sub if it is there.

ytdl-sub pins its own yt-dlp, so it belongs into an environment of its own; say where its command is with
BENCH_YTDL_SUB, else its figures are left out and that is said. Figures are of a warm engine: Prefect's
server runs and the flows are imported, as in a run that the worker forks.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from benchmarks.engine import engine_up
from benchmarks.figures import Figure, median_seconds
from benchmarks.processes import SHORT, vidra_command, write_config
from tests.site.media import media_folder
from tests.site.server import MediaSite, serve
from vidra.engine.environment import applied, embedded_environment
from vidra.engine.jobs.resolution import network_policy, resolve
from vidra.engine.lifecycle.server import EmbeddedServer
from vidra.engine.subscriptions.archive import archive_of
from vidra.media.ffmpeg import find_ffmpeg
from vidra.media.lists.plan import Known, make_plan
from vidra.media.lists.rules import Rules
from vidra.media.session import MediaSession
from vidra.settings import load_settings
from vidra.settings.subscriptions import ListOrder, RuleSettings

PEER: Final = os.environ.get("BENCH_YTDL_SUB")
MANY: Final = 40
TIMES: Final = 2 if SHORT else 5


def run() -> list[Figure]:
    """Measure; takes about two minutes."""
    if PEER is None:
        print("BENCH_YTDL_SUB is not set: no figures of ytdl-sub", file=sys.stderr)
    with serve(media_folder()) as site, tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        config = write_config(root, site)
        with _warm(config):
            warm = [*_archived(config, site), *_many(config, site), *_long(config, site)]
        return [*warm, *_whole_process(root, config, site)]


def _archived(config: Path, site: MediaSite) -> list[Figure]:
    """Return what a list of 200 costs that is all there."""
    url = site.url("/feed/200.rss")
    _declare(config, {"talks": {"urls": url}})
    _archive([url])
    ours = median_seconds(lambda: _expand("talks"), times=TIMES)
    return [Figure(name="200 archived entries, work in a warm engine", ours=ours, unit="s", target=0.9)]


def _whole_process(root: Path, config: Path, site: MediaSite) -> list[Figure]:
    """Return what the same costs from the command line with an engine up, next to ytdl-sub."""
    if PEER is None:
        return []
    url = site.url("/feed/200.rss")
    _declare(config, {"talks": {"urls": url}})
    peer = _peer(root, {"talks": url})
    with engine_up(config):
        ours = median_seconds(
            lambda: subprocess.run(
                vidra_command(config, "subscription", "run", "talks"), check=True, stdout=subprocess.DEVNULL
            ),
            times=TIMES,
        )
    return [
        Figure(
            name="200 archived entries from the command line, engine up", ours=ours, unit="s", peer=peer,
            peer_name="ytdl-sub", target=0.6, target_is_ratio=True,
        )
    ]  # fmt: skip


def _many(config: Path, site: MediaSite) -> list[Figure]:
    """Return what 40 subscriptions cost whose listings take 200 ms each."""
    urls = {f"s{n}": site.url(f"/f/wait0.2,tag{n}/feed/10.rss") for n in range(MANY)}
    _declare(config, {name: {"urls": url} for name, url in urls.items()})
    _archive(list(urls.values()))
    ours = median_seconds(lambda: _expand(*urls), times=TIMES)
    plain = median_seconds(lambda: _flat(list(urls.values())), times=TIMES)
    return [
        Figure(
            name=f"{MANY} subscriptions, 200 ms a listing, all archived", ours=ours, unit="s", peer=plain,
            peer_name="yt-dlp", target=3.0,
        )
    ]  # fmt: skip


def _flat(urls: Sequence[str]) -> None:
    """List the addresses with plain yt-dlp, one after another."""
    command = [
        sys.executable,
        "-m",
        "yt_dlp",
        "--ignore-config",
        "--quiet",
        "--no-warnings",
        "--flat-playlist",
        "--simulate",
    ]
    subprocess.run([*command, *urls], check=True, stdout=subprocess.DEVNULL)


def _long(config: Path, site: MediaSite) -> list[Figure]:
    """Return what a list of 5,000 costs: the plan after the listing arrived, and the memory of the run."""
    _declare(
        config,
        {"long": {"urls": site.url("/feed/5000.rss"), "rules": {"after": "1 year", "title_exclude": "x$"}}},
    )
    plan = median_seconds(_plan_of(site.url("/feed/5000.rss")), times=TIMES)
    before, after = _memory()
    return [
        Figure(name="5,000 entries: the plan after the listing arrived", ours=plan, unit="s", target=2.0),
        Figure(name="5,000 entries: memory that the run adds to a warm one", ours=after - before, unit="MB"),
        Figure(name="5,000 entries: largest memory of the run", ours=after, unit="MB", target=150.0),
    ]


def _plan_of(url: str) -> Callable[[], object]:
    """Return the planning of a listing that is there."""
    entries = _listed(url)
    rules = Rules(RuleSettings(after="20 years", title_exclude=("x$",)), today=datetime.now(UTC).date())
    known = Known(archived=frozenset(entry.key for entry in entries[:2500]))
    return lambda: make_plan([entries], rules=rules, order=ListOrder.AUTO, known=known)


_MEMORY: Final = r"""
import re
from vidra.engine.worker.execution import execute, load_flow
import vidra.media.warm
def peak():
    return int(re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read())[1]) / 1024
flow = load_flow("flows.playlist_expansion.playlist_expansion")
request = {"request": {"subscriptions": ["long"], "dry_run": True}}
before = peak()
run = execute(flow, request, asked=lambda: None, on_created=lambda _: None)
assert run.result(100).status.value == "completed", run.result()
print(before, peak())
"""


def _memory() -> tuple[float, float]:
    """Return the largest resident size in MB of a run: before it begins, and at its end."""
    done = subprocess.run([sys.executable, "-c", _MEMORY], check=True, capture_output=True, text=True)
    before, after = done.stdout.split()[-2:]
    return float(before), float(after)


def _peer(root: Path, urls: Mapping[str, str]) -> float:
    """Return what ytdl-sub's whole process takes once it has everything, with its throttle off."""
    folder = root / "peer"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    preset = {
        "download": "{url}",
        "throttle_protection": {"enable": False},
        "output_options": {
            "output_directory": str(folder / "out" / "{subscription_name}"),
            "file_name": "{title_sanitized}.{ext}",
            "maintain_download_archive": True,
        },
        "overrides": {"url": "{subscription_value}"},
    }
    ffmpeg = str(find_ffmpeg())  # it wants both programs to be there, and needs neither once all is archived
    general = {"working_directory": str(folder / "work"), "ffmpeg_path": ffmpeg, "ffprobe_path": ffmpeg}
    config = {"configuration": general, "presets": {"plain": preset}}
    (folder / "config.yaml").write_bytes(orjson.dumps(config))
    (folder / "subscriptions.yaml").write_bytes(orjson.dumps({"plain": dict(urls)}))
    command = [str(PEER), "--config", "config.yaml", "sub", "subscriptions.yaml"]
    return median_seconds(
        lambda: subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL), times=TIMES
    )


@contextmanager
def _warm(config: Path) -> Iterator[None]:
    """Run Prefect's server, and have this process reach it."""
    os.environ["VIDRA_CONFIG"] = str(config)
    os.environ["PREFECT_LOGGING_LEVEL"] = "ERROR"
    settings = load_settings(config=config)
    with EmbeddedServer(embedded_environment(settings), timeout=100.0) as server, applied(server.environment):
        yield


def _declare(config: Path, subscriptions: Mapping[str, Any]) -> None:
    text = config.read_text("utf-8").partition("subscriptions:")[0]
    config.write_text(text + f"subscriptions: {orjson.dumps(subscriptions).decode()}\n", "utf-8")


def _listed(url: str) -> Sequence[Any]:
    settings = load_settings()
    options = resolve({}, preset=None, settings=settings)
    with MediaSession(
        options=options, network=network_policy(settings), library=settings.downloads.library
    ) as session:
        return session.list(url).entries


def _archive(urls: Sequence[str]) -> None:
    """Have the archive know everything that these lists name."""
    archive_of(load_settings()).add_all(entry.key for url in urls for entry in _listed(url))


def _expand(*names: str) -> None:
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
