"""`vidra flow runs | watch | cancel | logs`; with an engine they are tested in `test_steering.py`."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Vidra
from vidra.cli.flow_runs import choose_run
from vidra.engine.runs import RunInfo
from vidra.errors import UsageError


def a_run(run_id: str) -> RunInfo:
    """Return a run with this id."""
    return RunInfo(
        flow_run_id=run_id, name="brave-otter", state_type="RUNNING", state_name="Running", message="",
        final=False, tags=(), parameters={}, expected_start=None, started=None, ended=None,
    )  # fmt: skip


@pytest.mark.parametrize("arguments", [["runs"], ["watch", "abc"], ["cancel", "abc"], ["logs", "abc"]])
def test_runs_need_an_engine(vidra: Vidra, arguments: list[str]) -> None:
    """The remedy is named."""
    said = vidra("flow", *arguments)
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("vidra: error: no engine runs here: start `vidra up`")


def test_the_beginning_of_a_runs_id_is_enough_when_only_one_has_it() -> None:
    """Otherwise the candidates are named; nothing at all never matches."""
    latest = [a_run("ab1"), a_run("ab2"), a_run("c3")]
    assert choose_run(latest, "c") == latest[2]
    assert choose_run(latest, "x") is None
    assert choose_run(latest, "") is None
    with pytest.raises(UsageError, match="`ab1`, `ab2`"):
        choose_run(latest, "ab")
