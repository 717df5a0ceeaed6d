"""Puts Prefect's books in order and declares what runs by itself, before anything runs.

A program, `python -m vidra.engine.lifecycle.taking_over`, with the Prefect environment already set: it needs
Prefect and every flow, 70 MB that `vidra up` would keep for as long as it is up. It imports them, reads the
address of the server from standard input, and only then does anything.
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

from vidra.engine.deployments.declarations import Declaration
from vidra.engine.deployments.declared import declared_deployments
from vidra.engine.environment import child_environment, refresh_prefect
from vidra.engine.lifecycle.programs import module_command
from vidra.errors import EngineError, VidraError
from vidra.settings import Settings, load_settings
from vidra.supervisor.process import dying_with_us

log = logging.getLogger(__name__)

_NEEDED: Final = frozenset(
    {
        "prefect.client.orchestration",
        "vidra.engine.deployments.applying",
        "vidra.engine.politeness.limits",
        "vidra.engine.reconcile",
        "vidra.engine.worker.worker",
    }
)


class TakingOver:
    """The program, begun before its server answers: imports go on meanwhile. Use as an async context manager.

    `shared` says that the server has other users, whose runs are left alone. Its settings are those that
    a child of this process loads, its Prefect's are the `environment`.
    """

    def __init__(self, environment: Mapping[str, str], *, shared: bool) -> None:
        self._environment = environment
        command = module_command("vidra.engine.lifecycle.taking_over", *(["--shared"] if shared else []))
        # Killed with us: left alone, it would go on marking runs as dead on the next engine's server.
        self._command = dying_with_us(command)
        self._process: Process | None = None

    async def __aenter__(self) -> Self:
        """Start the program; it touches nothing until it is told to `go`."""
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env=child_environment(self._environment),
        )  # fmt: skip
        return self

    async def go(self, api_url: str) -> None:
        """Put the books of the server at this address in order; log what is told.

        Raises `EngineError` with the program's last words when it fails.
        """
        assert self._process is not None  # noqa: S101 - for the type checkers: the context was entered
        _, told = await self._process.communicate(f"{api_url}\n".encode())
        lines = told.decode("utf-8", "replace").splitlines()
        if code := self._process.returncode:
            raise EngineError("\n".join(lines[-10:]) or f"taking over ended with {code}")
        for line in lines:
            log.warning("%s", line)

    async def __aexit__(self, *_: object) -> None:
        """End the program if it is still there: nobody waits for it any more."""
        process = self._process
        if process is not None and process.returncode is None:
            process.kill()
            await process.communicate()


def _prepare(settings: Settings) -> Sequence[Declaration]:
    """Import what taking over needs, which takes longer than the rest; return what is declared."""
    declared = declared_deployments(settings)
    modules = {declaration.entrypoint.rpartition(".")[0] for declaration in declared}
    for module in sorted(_NEEDED | modules):
        with suppress(ImportError, ValueError):  # whoever needs it says what is wrong
            import_module(module)
    return declared


async def _take_over(settings: Settings, declared: Sequence[Declaration], *, shared: bool) -> None:
    from vidra.engine.deployments.applying import apply_deployments  # noqa: PLC0415 - imports Prefect, 1.3 s
    from vidra.engine.politeness.limits import apply_declared_limits, release_dead_leases  # noqa: PLC0415 - the same
    from vidra.engine.reconcile import reconcile  # noqa: PLC0415 - the same

    home = settings.storage.prefect_home
    for run in await reconcile(home, only_ours=shared):
        log.warning("flow run %s (%s) was dead; it is marked so now", run.name, run.flow_run_id)
    await release_dead_leases(home)
    await apply_declared_limits(settings.limits)
    await apply_deployments(declared)


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
