"""The worker as a program: `python -m vidra.engine.worker.work`, with the Prefect environment already set."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from vidra.engine.environment import refresh_prefect
from vidra.engine.lifecycle.gate import await_server, is_open, opened, say_at_work
from vidra.engine.lifecycle.importing import importing
from vidra.engine.lifecycle.programs import module_command

if TYPE_CHECKING:
    from vidra.engine.worker.worker import VidraWorker

AT_WORK: Final = "worker"
"""What the worker calls itself when it tells, at the gate, that it has asked for work."""


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
        held=not is_open(),
    )
    running = asyncio.ensure_future(worker.start(printer=_say))
    beginning = asyncio.ensure_future(_begin(worker))
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
    beginning.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def _begin(worker: VidraWorker) -> None:
    await opened()
    await worker.begin()
    await worker.asked.wait()
    say_at_work(AT_WORK)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; 0 after an orderly stop."""
    parser = argparse.ArgumentParser(prog="python -m vidra.engine.worker.work", description=__doc__)
    parser.add_argument("--pool", required=True, help="work pool to take runs from")
    parser.add_argument("--limit", type=int, help="runs under way at the same time")
    parser.add_argument("--name", help="name the Prefect UI shows")
    options = parser.parse_args(arguments)
    with importing():
        import vidra.engine.worker.worker  # noqa: F401, PLC0415 - 1 s, while the server comes up
    await_server()
    refresh_prefect()
    asyncio.run(work(pool=options.pool, limit=options.limit, name=options.name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
