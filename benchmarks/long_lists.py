"""What a list of 5,000 costs: the plan once the listing is there, and the memory of the run."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import orjson

from benchmarks.expanding import declare, listed, warm
from benchmarks.figures import Figure, median_seconds
from benchmarks.processes import SHORT, write_config
from tests.site.media import media_folder
from tests.site.server import serve
from vidra.media.interface import MediaEntry
from vidra.media.lists.plan import Known, make_plan
from vidra.media.lists.rules import Rules
from vidra.settings.subscriptions import ListOrder, RuleSettings

TIMES: Final = 2 if SHORT else 5
LONG: Final = "/feed/5000.rss"


def run() -> Iterator[Figure]:
    """Measure; takes about half a minute."""
    with serve(media_folder()) as site, tempfile.TemporaryDirectory() as folder:
        config = write_config(Path(folder), site)
        url = site.url(LONG)
        declare(config, {"long": {"urls": url, "rules": {"after": "1 year", "title_exclude": "x$"}}})
        with warm(config):
            seconds = median_seconds(_planning(listed(config, url)), times=TIMES)
            yield Figure(
                name="5,000 entries: the plan after the listing arrived", ours=seconds, unit="s", target=2.0
            )
            yield from _memory()


def _planning(entries: Sequence[MediaEntry]) -> Callable[[], object]:
    """Return the planning of a listing that is there."""
    rules = Rules(RuleSettings(after="20 years", title_exclude=("x$",)), today=datetime.now(UTC).date())
    known = Known(archived=frozenset(entry.key for entry in entries[:2500]))
    return lambda: make_plan([entries], rules=rules, order=ListOrder.AUTO, known=known)


_FORKED: Final = r"""
import json, os, re, sys, threading
from vidra.engine.worker.nursery import preload, PRELOADED
preload((*PRELOADED, "flows.playlist_expansion"))

def sizes():
    text = open("/proc/self/smaps_rollup").read()
    found = {name: int(kb) / 1024 for name, kb in re.findall(r"(\w+):\s+(\d+) kB", text)}
    found["Uss"] = found["Private_Clean"] + found["Private_Dirty"]
    return found

def peak():
    return int(re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read())[1]) / 1024

def watch(over, largest):
    while not over.wait(0.05):
        for name, size in sizes().items():
            largest[name] = max(size, largest.get(name, 0))

def child():
    open("/proc/self/clear_refs", "w").write("5")  # the peak counts from here
    from vidra.engine.worker.execution import execute, load_flow
    flow = load_flow("flows.playlist_expansion.playlist_expansion")
    request = {"request": {"subscriptions": ["long"], "dry_run": True}}
    before, over, largest = peak(), threading.Event(), {}
    threading.Thread(target=watch, args=(over, largest), daemon=True).start()
    run = execute(flow, request, asked=lambda: None, on_created=lambda _: None)
    assert run.result(100).status.value == "completed", run.result()
    over.set()
    found = {"before": before, "peak": peak(), "pss": largest["Pss"], "uss": largest["Uss"]}
    print(json.dumps(found), flush=True)

if os.fork() == 0:
    child()
    os._exit(0)
assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
"""


def _memory() -> Iterator[Figure]:
    """Yield the largest sizes of a run that is forked from a warm process, as the worker forks it.

    Most of a forked process is pages it shares with the process it was forked from, which are in memory
    once for all runs: the resident size counts them as if they were the run's own. The promise is about
    the proportional size, which counts a page that two share as half a page for each.
    """
    done = subprocess.run([sys.executable, "-c", _FORKED], check=True, capture_output=True, text=True)
    found = orjson.loads(done.stdout.splitlines()[-1])
    yield Figure(
        name="5,000 entries: largest proportional size of the run (PSS)", ours=found["pss"], unit="MB",
        target=150.0,
    )  # fmt: skip
    yield Figure(name="5,000 entries: largest size of its own (USS)", ours=found["uss"], unit="MB")
    yield Figure(
        name="5,000 entries: largest resident size, shared pages included", ours=found["peak"], unit="MB"
    )
    yield Figure(
        name="resident size before the run, nearly all of it shared", ours=found["before"], unit="MB"
    )
