"""A process that takes slots of a site as flow runs do: `python -m tests.engine.slot_taker FILE SITE …`.

Writes a line `begin|end TIME` for each of the given number of pretended downloads.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from uuid import uuid4

from vidra.engine.politeness.slots import Slots
from vidra.engine.worker.owners import owning
from vidra.settings import LimitSettings


async def _take(slots: Slots, site: str, seconds: float, file: Path) -> None:
    await slots.pace(site)
    async with slots.held(site):
        with file.open("a", encoding="utf-8") as notes:
            notes.write(f"begin {time.time()}\n")
        await asyncio.sleep(seconds)
        with file.open("a", encoding="utf-8") as notes:
            notes.write(f"end {time.time()}\n")


async def _main(file: Path, site: str, limits: str, times: int, seconds: float, home: Path) -> None:
    run = str(uuid4())
    slots = Slots(LimitSettings.model_validate_json(limits), flow_run_id=run, home=home)
    with owning(home, run):
        async with asyncio.TaskGroup() as group:
            for _ in range(times):
                group.create_task(_take(slots, site, seconds, file))


if __name__ == "__main__":
    name, where, limits_json, count, duration, prefect_home = sys.argv[1:]
    asyncio.run(_main(Path(name), where, limits_json, int(count), float(duration), Path(prefect_home)))
