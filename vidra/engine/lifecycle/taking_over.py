"""Puts Prefect's books in order and declares what runs by itself, before anything runs.

To declare something takes Prefect and every flow, 70 MB that `vidra up` would keep for as long as it is up.
So that is a program, `python -m vidra.engine.lifecycle.taking_over`, with the Prefect environment already
set. It imports them, reads the address of the server from standard input, and only then does anything. A
start that finds everything declared does without it.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import subprocess
import sys
from asyncio.subprocess import Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Final, Self

from vidra.engine.deployments.applying import ChangeKind, apply_deployments
from vidra.engine.deployments.declarations import Declaration
from vidra.engine.deployments.declared import declared_deployments
from vidra.engine.deployments.remembered import Remembered
from vidra.engine.environment import child_environment, refresh_prefect
from vidra.engine.lifecycle.importing import importing
from vidra.engine.lifecycle.programs import module_command
from vidra.engine.politeness.limits import apply_declared_limits, release_dead_leases
from vidra.engine.reconcile import reconcile
from vidra.errors import EngineError, VidraError
from vidra.settings import Settings, load_settings
from vidra.supervisor.process import dying_with_us

log = logging.getLogger(__name__)

_NEEDED: Final = frozenset({"prefect.client.orchestration", "vidra.engine.worker.worker"})


class TakingOver:
    """Takes over the server that `go` names. Use as an async context manager.

    The program is begun before its server answers, as imports go on meanwhile, unless all that is declared
    was applied before. `shared` says that the server has other users, whose runs are left alone. The
    program's settings are those that a child of this process loads, its Prefect's are the `environment`.
    """

    def __init__(self, environment: Mapping[str, str], settings: Settings, *, shared: bool) -> None:
        self._environment, self._settings, self._shared = environment, settings, shared
        self._remembered: Remembered | None = None
        self._process: Process | None = None

    async def __aenter__(self) -> Self:
        """Start the program if it will be needed. Raises `ConfigError`."""
        if not self._shared:
            declared = declared_deployments(self._settings)
            self._remembered = Remembered(self._settings.storage.prefect_home, declared)
        if self._remembered is None or not self._remembered.is_declared():
            await self._begin()
        return self

    async def go(self, api_url: str) -> None:
        """Put the books of the server at this address in order; log what is told.

        This process has to know the server, see `environment.applied`. Raises `EngineError`, with the
        program's last words when it fails.
        """
        if self._process is None and self._remembered is not None:
            await _put_in_order(self._settings, shared=self._shared)
            if await _is_applied(self._settings, self._remembered):
                return
        process = self._process or await self._begin()
        _, told = await process.communicate(f"{api_url}\n".encode())
        lines = told.decode("utf-8", "replace").splitlines()
        if code := process.returncode:
            raise EngineError("\n".join(lines[-10:]) or f"taking over ended with {code}")
        for line in lines:
            log.warning("%s", line)

    async def _begin(self) -> Process:
        command = module_command(
            "vidra.engine.lifecycle.taking_over", *(["--shared"] if self._shared else [])
        )
        self._process = await asyncio.create_subprocess_exec(
            # Killed with us: left alone, it would go on marking runs as dead on the next engine's server.
            *dying_with_us(command),
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env=child_environment(self._environment),
        )  # fmt: skip
        return self._process

    async def __aexit__(self, *_: object) -> None:
        """End the program if it is still there: nobody waits for it any more."""
        process = self._process
        if process is not None and process.returncode is None:
            process.kill()
            await process.communicate()


async def _put_in_order(settings: Settings, *, shared: bool) -> None:
    home = settings.storage.prefect_home
    for run in await reconcile(home, only_ours=shared):
        log.warning("flow run %s (%s) was dead; it is marked so now", run.name, run.flow_run_id)
    await release_dead_leases(home)


async def _is_applied(settings: Settings, remembered: Remembered) -> bool:
    limits = await apply_declared_limits(settings.limits, dry_run=True)
    return all(limit.kind is ChangeKind.KEEP for limit in limits) and await remembered.still_holds()


async def _take_over(settings: Settings, declared: Sequence[Declaration], *, shared: bool) -> None:
    await _put_in_order(settings, shared=shared)
    await apply_declared_limits(settings.limits)
    await apply_deployments(declared)
    if not shared:
        await Remembered(settings.storage.prefect_home, declared).remember()


def _prepare(settings: Settings) -> Sequence[Declaration]:
    """Import what taking over needs, which takes longer than the rest; return what is declared."""
    declared = declared_deployments(settings)
    modules = {declaration.entrypoint.rpartition(".")[0] for declaration in declared}
    with importing():
        for module in sorted(_NEEDED | modules):
            with suppress(ImportError, ValueError):  # whoever needs it says what is wrong
                import_module(module)
    return declared


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; the exit code of the error that ended it, or 0."""
    parser = argparse.ArgumentParser(prog="python -m vidra.engine.lifecycle.taking_over", description=__doc__)
    parser.add_argument("--shared", action="store_true", help="leave other machines' runs alone")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        settings = load_settings()
        declared = _prepare(settings)
        api_url = sys.stdin.readline().strip()
        if not api_url:
            return 0  # whoever started us has gone, or does not need us any more
        os.environ["PREFECT_API_URL"] = api_url
        refresh_prefect()
        asyncio.run(_take_over(settings, declared, shared=options.shared))
    except VidraError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
