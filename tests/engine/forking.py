"""Forks one run as the nursery does, and writes which modules that run had to import for itself.

`python -m tests.engine.forking`; the task is read from standard input, as JSON.
"""

from __future__ import annotations

import json
import os
import sys

from vidra.engine.worker.nursery import preload


def main() -> int:
    """Return the exit code of the run's process."""
    preload()
    task = json.load(sys.stdin)
    before = set(sys.modules)
    pid = os.fork()
    if pid == 0:
        from vidra.engine.worker.child import run_task

        code = run_task(task)
        sys.stdout.write(json.dumps(sorted(set(sys.modules) - before)))
        sys.stdout.flush()
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    sys.exit(main())
