from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from tests.settings.conftest import Load
from vidra.errors import ConfigError
from vidra.settings import load_settings, settings_environment
from vidra.settings.layers import Origin
from vidra.settings.loading import resolve_settings


@pytest.mark.parametrize(("cli", "env", "file"), list(product((False, True), repeat=3)))
def test_command_line_beats_environment_beats_file_beats_default(
    load: Load, *, cli: bool, env: bool, file: bool
) -> None:
    """All eight combinations of who says something."""
    settings = load(
        "downloads: {concurrency: 3}" if file else "",
        {"VIDRA_DOWNLOADS__CONCURRENCY": "2"} if env else {},
        {"downloads.concurrency": 1} if cli else {},
    )
    expected = 1 if cli else 2 if env else 3 if file else 8
    assert settings.downloads.concurrency == expected


def test_layers_are_merged_key_by_key(load: Load) -> None:
    """One section may get its keys from three places, and a mapping from two."""
    settings = load(
        "downloads: {retries: 1, options: {ratelimit: 2M, format: worst}}",
        {"VIDRA_DOWNLOADS__OPTIONS__FORMAT": "best", "VIDRA_DOWNLOADS__PRESET": "archive"},
        {"downloads.concurrency": 5},
    )
    downloads = settings.downloads
    assert (downloads.retries, downloads.preset, downloads.concurrency) == (1, "archive", 5)
    assert downloads.options == {"ratelimit": "2M", "format": "best"}


def test_lists_are_replaced_not_joined(load: Load) -> None:
    """A stronger list is the whole list."""
    settings = load("downloads: {roots: [/a, /b]}", {"VIDRA_DOWNLOADS__ROOTS": "/c"})
    assert settings.downloads.roots == (Path("/c"),)


def test_overrides_of_none_count_as_not_given(load: Load) -> None:
    """Commands pass their options as they are; an option that was not given is None."""
    assert load("server: {port: 5}", overrides={"server.port": None}).server.port == 5


def test_every_value_knows_its_origin(tmp_path: Path) -> None:
    """Command line, variable, file and line, or default."""
    file = tmp_path / "vidra.yaml"
    file.write_text("server:\n  port: 5\n  host: ::1\n")
    resolution = resolve_settings(
        config=file, overrides={"server.name": "x"}, environ={"VIDRA_SERVER_PORT": "6"}
    )
    places = [resolution.place(("server", key)) for key in ("name", "port", "host", "scheme")]
    assert [place.origin for place in places] == [Origin.CLI, Origin.ENVIRONMENT, Origin.FILE, Origin.DEFAULT]
    assert (places[1].source, places[2].source, places[2].line) == ("VIDRA_SERVER_PORT", str(file), 3)


def test_a_child_process_can_load_the_same_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the command line said is handed on as variables; they beat those that were inherited."""
    monkeypatch.chdir(tmp_path)
    Path("my.yaml").write_text("server: {port: 5}")
    overrides = {
        "storage.data_dir": tmp_path / "data",
        "downloads.roots": ["/a,b", "/c"],
        "downloads.options": {"format": "best"},
        "downloads.write_archive": False,
        "server.host": None,
    }
    inherited = {"VIDRA_SERVER_DATA": "/elsewhere", "VIDRA_SERVER_NAME": "kept"}
    here = load_settings(config=Path("my.yaml"), overrides=overrides, environ=inherited)
    handed_on = settings_environment(config=Path("my.yaml"), overrides=overrides)
    monkeypatch.chdir("/")
    assert load_settings(environ=inherited | handed_on) == here


def test_problems_of_all_layers_are_told_at_once(tmp_path: Path) -> None:
    """Mending one mistake never uncovers the next."""
    file = tmp_path / "vidra.yaml"
    file.write_text("engine: {pol: x}\nserver: {port: 0}")
    with pytest.raises(ConfigError) as caught:
        resolve_settings(
            config=file, overrides={"a.b": 1}, environ={"VIDRA_X": "1", "VIDRA_ENGINE__WORKER_LIMIT": "none"}
        )
    assert {problem.key_path for problem in caught.value.problems} == {
        "a", "x", "engine.pol", "engine.worker_limit", "server.port",
    }  # fmt: skip
