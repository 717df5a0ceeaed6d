"""The worker as a program: `python -m vidra.engine.worker.work`, with the Prefect environment already set."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress

from vidra.engine.lifecycle.programs import module_command


def worker_command(*, pool: str, limit: int | None = None, name: str | None = None) -> list[str]:
    """Return the command line of a worker of this pool."""
    command = module_command("vidra.engine.worker.work", "--pool", pool)
    if limit is not None:
        command += ["--limit", str(limit)]
    return command if name is None else [*command, "--name", name]


def _say(text: str, **_: object) -> None:
    sys.stderr.write(f"{text}\n")


async def work(*, pool: str, limit: int | None = None, name: str | None = None) -> None:
    """Work until SIGTERM or SIGINT, then let runs under way finish, see `worker.DRAIN`."""
    from vidra.engine.worker.worker import VidraWorker  # noqa: PLC0415 - imports Prefect, 1.6 s

    worker = VidraWorker(
        work_pool_name=pool,
        limit=limit,
        name=name,
        base_job_template=VidraWorker.get_default_base_job_template(),
    )
    running = asyncio.ensure_future(worker.start(printer=_say))
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    asked = asyncio.ensure_future(stopping.wait())
    await asyncio.wait({running, asked}, return_when=asyncio.FIRST_COMPLETED)
    if not running.done():
        await worker.drain()
        running.cancel()
    asked.cancel()
    with suppress(asyncio.CancelledError):
        await running


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; 0 after an orderly stop."""
    parser = argparse.ArgumentParser(prog="python -m vidra.engine.worker.work", description=__doc__)
    parser.add_argument("--pool", required=True, help="work pool to take runs from")
    parser.add_argument("--limit", type=int, help="runs under way at the same time")
    parser.add_argument("--name", help="name the Prefect UI shows")
    options = parser.parse_args(arguments)
    asyncio.run(work(pool=options.pool, limit=options.limit, name=options.name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
