"""What a run needs is there before it is forked."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.states import Pending

from flows.download_job import download_job
from tests.cli.shell import environment
from tests.flows.workshop import Workshop
from tests.site.server import MediaSite
from vidra.engine.environment import child_environment
from vidra.engine.lifecycle.server import EmbeddedServer

pytestmark = [pytest.mark.usefixtures("connected"), pytest.mark.slow]


async def _run_of(request: dict[str, Any]) -> dict[str, Any]:
    async with get_client() as client:
        run = await client.create_flow_run(download_job, parameters={"request": request}, state=Pending())
    return run.model_dump(mode="json")


def test_a_run_imports_nothing_after_the_fork(
    server: EmbeddedServer, media_site: MediaSite, tmp_path: Path
) -> None:
    """A whole download finds all modules there; each that is missing costs every run its time."""
    shop = Workshop(site=media_site, root=tmp_path, tag="warm")
    env = {**environment(), "VIDRA_CONFIG": str(shop.write_config())}
    run = asyncio.run(_run_of({"urls": [media_site.url("/m/vid001.mp4")]}))
    task = {"entrypoint": "flows.download_job.download_job", "flow_run": run, "env": {}}

    done = subprocess.run(
        [sys.executable, "-m", "tests.engine.forking"],
        input=json.dumps(task), env=child_environment(server.environment, base=env),
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip

    assert (done.returncode, json.loads(done.stdout or "null")) == (0, []), done.stderr
    assert any((tmp_path / "library").rglob("*.mp4"))
