from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.cli.conftest import Vidra
from tests.cli.shell import Shell
from vidra.cli.catalogue import read_catalogue
from vidra.cli.flows import run_app
from vidra.cli.progress import Renderer
from vidra.cli.progress.json_lines import JsonRenderer
from vidra.cli.progress.plain import PlainRenderer
from vidra.cli.progress.quiet import QuietRenderer
from vidra.datafiles import shipped
from vidra.settings import Settings


class Engine:
    """Takes the place of the engine and remembers what it was asked to do."""

    def __init__(self) -> None:
        self.flow, self.parameters = "", dict[str, object]()
        self.settings: Settings | None = None
        self.renderer: Renderer | None = None

    def execute(
        self,
        flow: str,
        parameters: dict[str, object],
        *,
        settings: Settings,
        renderer: Renderer,
        detach: bool = False,
    ) -> int:
        self.detach = detach
        self.flow, self.parameters, self.settings, self.renderer = flow, parameters, settings, renderer
        return 3


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Be asked instead of the engine."""
    engine = Engine()
    monkeypatch.setattr("vidra.cli.execution.execute", engine.execute)
    return engine


def test_flows_are_listed_with_schedule_and_purpose(vidra: Vidra) -> None:
    """The first thing to type."""
    said = vidra("flow", "ls")
    assert said.code == 0
    assert said.lines[0].split() == ["NAME", "SCHEDULE", "DESCRIPTION"]
    assert any(line.startswith("download-job ") and "on demand" in line for line in said.lines)


def test_flows_are_listed_as_json(vidra: Vidra) -> None:
    """With the entrypoint, which a person need not see."""
    cards = {card["name"]: card for card in json.loads(vidra("flow", "ls", "--json").out)}
    assert cards["download-job"]["entrypoint"] == "flows.download_job.download_job"
    assert set(cards["download-job"]) == {"name", "description", "entrypoint", "schedules", "tags"}


def test_schedules_are_told_in_words(tmp_path: Path) -> None:
    """Cron with its zone, intervals in seconds, inactive ones marked."""
    schedules: list[dict[str, Any]] = [
        {"cron": "0 4 * * *", "timezone": "Europe/Berlin"},
        {"interval": 30, "active": False},
        {"rrule": "FREQ=DAILY"},
    ]
    document = {"deployments": [{"name": "x", "entrypoint": "flows.x.x", "schedules": schedules}]}
    file = tmp_path / "prefect.yaml"
    YAML(typ="safe").dump(document, file)
    assert read_catalogue(file)[0].schedules == (
        "cron 0 4 * * * (Europe/Berlin)",
        "every 30 s (off)",
        "rrule FREQ=DAILY",
    )


def test_shipped_deployments_have_nothing_to_pull_and_say_what_they_are_for() -> None:
    """`prefect deploy --all` takes the file as it is; a pull step would load flows twice."""
    document = YAML(typ="safe").load(shipped("deployments") / "prefect.yaml")
    assert document["pull"] == []
    for deployment in document["deployments"]:
        assert deployment["pull"] == []
        assert deployment["entrypoint"].startswith("flows.")
        assert deployment["description"].endswith(".")
        assert deployment["work_pool"]["name"] == "vidra"


def test_everything_asked_for_reaches_the_flow(vidra: Vidra, engine: Engine) -> None:
    """Names as in the flow's request model; what was not said is None."""
    said = vidra(
        *("flow", "run", "download-job", "http://a.test/1", "http://a.test/2", "--preset", "archive"),
        *("--format", "b", "-O", "embed-subs", "--option", "retries=2", "--dry-run"),
    )
    assert (said.code, said.err, engine.flow) == (3, "", "download-job")
    assert engine.parameters == {
        "urls": ["http://a.test/1", "http://a.test/2"],
        "preset": "archive",
        "format": "b",
        "output": None,
        "options": {"embed_subs": True, "retries": 2},
        "dry_run": True,
    }


@pytest.mark.parametrize(
    ("before", "after", "renderer"),
    [
        ([], [], PlainRenderer),
        ([], ["--json"], JsonRenderer),
        ([], ["--quiet"], QuietRenderer),
        (["--quiet"], [], QuietRenderer),
        (["--quiet"], ["--json"], JsonRenderer),
    ],
)
def test_the_display_is_chosen_by_the_options(
    vidra: Vidra, engine: Engine, before: list[str], after: list[str], renderer: type[Renderer]
) -> None:
    """Before the command's name or behind it."""
    vidra(*before, "flow", "run", "download-job", "http://a.test/", *after)
    assert type(engine.renderer) is renderer


def test_a_configuration_named_behind_the_command_wins(vidra: Vidra, engine: Engine, home: Path) -> None:
    """The nearer one is meant."""
    (home / "near.yaml").write_text("downloads: {concurrency: 3}")
    (home / "far.yaml").write_text("downloads: {concurrency: 5}")
    vidra("--config", "far.yaml", "flow", "run", "download-job", "http://a.test/", "--config", "near.yaml")
    assert engine.settings is not None
    assert engine.settings.downloads.concurrency == 3


def test_a_wrong_configuration_starts_nothing(vidra: Vidra, engine: Engine, home: Path) -> None:
    """Exit code 2 means that nothing was done."""
    (home / "vidra.yaml").write_text("downloads: {concurrency: 0}")
    assert vidra("flow", "run", "download-job", "http://a.test/").code == 2
    assert engine.flow == ""


def test_every_runnable_flow_is_a_deployment() -> None:
    """A command that names a flow nobody ships could only fail."""
    commands = {info.name for info in run_app.registered_commands}
    assert commands <= {card.name for card in read_catalogue()}


def test_every_flow_can_be_run() -> None:
    """What `vidra flow ls` lists, `vidra flow run` knows."""
    listed = {card.name for card in read_catalogue()}
    assert {command.name for command in run_app.registered_commands} >= listed


def test_a_flow_without_work_says_so_as_json(shell: Shell) -> None:
    """A real run of a flow that works on what is configured: nothing here."""
    said = shell.run("flow", "run", "playlist-expansion", "--json")
    assert said.returncode == 0
    assert json.loads(said.stdout) == {
        "flow": "playlist-expansion",
        "exit_code": 0,
        "message": "nothing to do",
    }
