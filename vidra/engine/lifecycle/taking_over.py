"""Puts Prefect's books in order and declares what runs by itself, before anything runs.

A program, `python -m vidra.engine.lifecycle.taking_over`, with the Prefect environment already set: it needs
Prefect and every flow, 70 MB that `vidra up` would keep for as long as it is up.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections.abc import Sequence

from vidra.engine.deployments.declared import declared_deployments
from vidra.engine.lifecycle.programs import module_command
from vidra.errors import EngineError, VidraError
from vidra.settings import Settings, load_settings

log = logging.getLogger(__name__)


async def take_over(*, shared: bool) -> None:
    """Run the program and log what it tells. Raises `EngineError` with its last words when it fails.

    Its settings are those that a child of this process loads. `shared` says that the server has other
    users, whose runs are left alone.
    """
    process = await asyncio.create_subprocess_exec(
        *module_command("vidra.engine.lifecycle.taking_over", *(["--shared"] if shared else [])),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        _, told = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    lines = told.decode("utf-8", "replace").splitlines()
    if process.returncode:
        raise EngineError("\n".join(lines[-10:]) or f"taking over ended with {process.returncode}")
    for line in lines:
        log.warning("%s", line)


async def _take_over(settings: Settings, *, shared: bool) -> None:
    from vidra.engine.deployments.applying import apply_deployments  # noqa: PLC0415 - imports Prefect, 1.3 s
    from vidra.engine.politeness.limits import apply_declared_limits, release_dead_leases  # noqa: PLC0415 - the same
    from vidra.engine.reconcile import reconcile  # noqa: PLC0415 - the same

    home = settings.storage.prefect_home
    for run in await reconcile(home, only_ours=shared):
        log.warning("flow run %s (%s) was dead; it is marked so now", run.name, run.flow_run_id)
    await release_dead_leases(home)
    await apply_declared_limits(settings.limits)
    await apply_deployments(declared_deployments(settings))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; the exit code of the error that ended it, or 0."""
    parser = argparse.ArgumentParser(prog="python -m vidra.engine.lifecycle.taking_over", description=__doc__)
    parser.add_argument("--shared", action="store_true", help="leave other machines' runs alone")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        asyncio.run(_take_over(load_settings(), shared=options.shared))
    except VidraError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
