"""Settings of a flow run: read once for a run, anew for the next."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tasks.run_settings import run_settings


def test_a_run_keeps_the_settings_it_began_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """What changes meanwhile is the next run's; without a run there is nothing to keep them for."""
    ids = ["one", "one", "two", None, None]
    monkeypatch.setattr("tasks.run_settings.flow_run", SimpleNamespace(get_id=lambda: ids.pop(0)))
    seen = []
    for retries in range(5):
        monkeypatch.setenv("VIDRA_DOWNLOADS__RETRIES", str(retries))
        seen.append(run_settings().downloads.retries)
    assert seen == [0, 0, 2, 3, 4]
