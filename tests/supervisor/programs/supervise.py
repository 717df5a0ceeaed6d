"""A supervisor of its own process, to be killed: `supervise.py FOLDER COUNT [OPTION …]`."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from tests.supervisor.worlds import World


async def main() -> None:
    """Supervise COUNT back ends named `api0` and so on until SIGTERM."""
    world = World(Path(sys.argv[1]), fresh=False)
    options = sys.argv[3:]
    ends = "--ends-with-supervisor" in options
    options = [option for option in options if option != "--ends-with-supervisor"]
    specs = [
        world.spec(*options, name=f"api{number}", ends_with_supervisor=ends)
        for number in range(int(sys.argv[2]))
    ]
    leave = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, leave.set)
    async with world.supervisor(*specs, subreaper=True):
        await leave.wait()


if __name__ == "__main__":
    asyncio.run(main())
