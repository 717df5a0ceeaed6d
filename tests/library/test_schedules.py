"""When sources are synced by themselves: a deployment for each, as its owner wants it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vidra.engine.deployments.declarations import Declaration
from vidra.engine.library.deploying import library_deployments
from vidra.settings import Settings

PLEX = {"type": "plex", "url": "http://127.0.0.1:1"}


def deployments(folder: Path, library: dict[str, Any], *sources: str) -> dict[str, Declaration]:
    """Return what is declared for these sources, by their id."""
    settings = Settings.model_validate(
        {
            "storage": {"data_dir": folder},
            "library": library,
            "sources": dict.fromkeys(sources, PLEX),
        }
    )
    return {one.name.removeprefix("library-sync-"): one for one in library_deployments(settings)}


def test_each_source_has_a_rhythm_of_its_own(tmp_path: Path) -> None:
    """The general interval, an own one, a cron line with its time zone; or none at all."""
    own = {
        "cabin": {"interval": 60},
        "attic": {"cron": "15 * * * *", "timezone": "Europe/Berlin"},
        "still": {"active": False},
    }
    found = deployments(tmp_path, {"interval": 7200, "sources": own}, "home", "cabin", "attic", "still")
    rhythm = {name: [(s.interval, s.cron, s.timezone) for s in one.schedules] for name, one in found.items()}
    assert rhythm == {
        "home": [(7200, None, None)],
        "cabin": [(60, None, None)],
        "attic": [(None, "15 * * * *", "Europe/Berlin")],
    }
    assert found["cabin"].parameters == {"request": {"sources": ["cabin"]}}


def test_a_sync_that_takes_longer_than_its_rhythm_is_not_begun_twice(tmp_path: Path) -> None:
    """The scheduled run that finds one under way is left out."""
    (home,) = deployments(tmp_path, {}, "home").values()
    assert (home.concurrency_limit, home.collision_strategy) == (1, "CANCEL_NEW")


def test_quiet_hours_go_with_the_run_to_whoever_starts_it(tmp_path: Path) -> None:
    """In the zone of the schedule; without quiet hours none are named."""
    own = {"home": {"quiet_hours": "19:00-23:00", "timezone": "Europe/Berlin"}}
    found = deployments(tmp_path, {"sources": own}, "home", "cabin")
    assert "19:00" in str(found["home"].job_variables)
    assert "Europe/Berlin" in str(found["home"].job_variables)
    assert "19:00" not in str(found["cabin"].job_variables)


def test_without_sources_nothing_is_scheduled(tmp_path: Path) -> None:
    """An engine that has nothing to do costs nothing."""
    assert deployments(tmp_path, {}) == {}
