"""Run every benchmark, or those named: `python -m benchmarks [state downloads cli …]`."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import benchmarks
from benchmarks.figures import show

NOT_BENCHMARKS = {
    "__main__",
    "api_event",
    "connection_round",
    "expanding",
    "figures",
    "processes",
    "ytdl_sub",
}


def main(names: list[str]) -> int:
    """Run the named benchmark modules; each has `run()`, which returns figures."""
    known = [m.name for m in pkgutil.iter_modules(benchmarks.__path__) if m.name not in NOT_BENCHMARKS]
    unknown = sorted(set(names) - set(known))
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    good = True
    for name in names or known:
        print(f"== {name}", flush=True)
        good = show(importlib.import_module(f"benchmarks.{name}").run()) and good
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
