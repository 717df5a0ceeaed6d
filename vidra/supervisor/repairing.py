"""Runs the restart command of a service we do not own, such as `systemctl restart …`."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence

from vidra.supervisor.environment import isolated
from vidra.supervisor.happenings import Repaired
from vidra.supervisor.interface import BackendSpec


async def repair(spec: BackendSpec) -> tuple[Repaired, Sequence[str]]:
    """Run the spec's restart command once, within its limit; return the result and what it printed."""
    assert spec.restart_command is not None  # noqa: S101 - the policy repairs only where there is a command
    try:
        process = await asyncio.create_subprocess_exec(
            *spec.restart_command,
            cwd=spec.cwd,
            env=isolated(os.environ) if spec.isolated else None,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        return Repaired(ok=False, detail=f"{spec.restart_command[0]}: {error.strerror}"), ()
    try:
        async with asyncio.timeout(spec.restart_timeout):
            output, _ = await process.communicate()
    except TimeoutError:
        return Repaired(ok=False, detail=f"no end within {spec.restart_timeout:g} s"), ()
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    result = Repaired(ok=process.returncode == 0, detail=f"exit code {process.returncode}")
    return result, output.decode(errors="replace").splitlines()
