"""Many runs asked for at the same moment: none is lost, none is refused, no slot stays taken."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.engine.crowds import all_at_once
from vidra.engine.deployments.applying import apply_deployments
from vidra.engine.deployments.declarations import Declaration

pytestmark = [pytest.mark.usefixtures("working"), pytest.mark.slow]


@pytest.mark.parametrize(
    "number",  # the limits are for machines that are busy with other tests
    [
        pytest.param(30, marks=pytest.mark.timeout(260)),
        pytest.param(200, marks=[pytest.mark.long, pytest.mark.timeout(900)]),
    ],
)
def test_all_of_many_runs_complete(number: int, tmp_path: Path) -> None:
    """PF-08: SQLite is asked by hundreds at once and nobody hears of a locked database."""
    declared = Declaration(
        name=f"crowd-{number}",
        entrypoint="tests.engine.sample_flows.ticking",
        pool="tests",
        parameters={"folder": str(tmp_path)},
    )
    asyncio.run(apply_deployments([declared]))

    crowd = asyncio.run(all_at_once(f"ticking/{declared.name}", number, limit=200 if number < 100 else 800))

    assert (crowd.refused, crowd.completed, crowd.slots) == (0, number, 0)
    assert len(list(tmp_path.iterdir())) == number  # each ran exactly once
