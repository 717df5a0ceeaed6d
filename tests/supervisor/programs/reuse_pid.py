"""Gives one pid out twice and signals its first owner; needs a pid namespace. Exit code 77: cannot."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from vidra.supervisor.identity import Identity

SLEEP = [sys.executable, "-S", "-c", "import time; time.sleep(300)"]
first = subprocess.Popen(SLEEP)
former = Identity.of(first.pid)
assert former is not None
first.kill()
first.wait()
time.sleep(0.02)  # a start time of its own needs another clock tick
try:
    Path("/proc/sys/kernel/ns_last_pid").write_text(str(first.pid - 1))
except OSError as error:
    sys.stderr.write(str(error))
    sys.exit(77)
stranger = subprocess.Popen(SLEEP)
if stranger.pid != first.pid:
    sys.stderr.write("the pid was not given out again")
    sys.exit(77)
signalled = former.send(signal.SIGKILL)
harmed = stranger.poll() is not None
stranger.kill()
stranger.wait()
if not former.alive and not signalled and not harmed:
    sys.stdout.write("same pid, other process, unharmed\n")
