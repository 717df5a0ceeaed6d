from __future__ import annotations

from pathlib import Path

import pytest

from vidra.errors import ConfigError
from vidra.settings import find_config
from vidra.settings.location import user_config_file


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Be a user without any configuration in an empty folder."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user"))
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def _touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_the_nearest_configuration_wins() -> None:
    """Named on the command line, named by variable, here, in `config/`, the user's own."""
    environ = {"VIDRA_CONFIG": "by-variable.yaml"}
    for path in (user_config_file(), Path("config/vidra.yaml"), Path("vidra.yaml")):
        assert find_config(environ={}) != path
        _touch(path)
        assert find_config(environ={}) == path
    variable, option = _touch(Path("by-variable.yaml")), _touch(Path("by-option.yaml"))
    assert find_config(environ=environ) == variable
    assert find_config(option, environ=environ) == option


def test_without_any_file_there_is_none() -> None:
    """Defaults apply then."""
    assert find_config(environ={"VIDRA_CONFIG": " "}) is None


@pytest.mark.parametrize("name", ["missing.yaml", ".", "~nobody-of-this-name/x", "a\0b"])
def test_a_named_file_has_to_be_there(name: str) -> None:
    """A wrong name is never answered with another file; whoever named it is told."""
    _touch(Path("vidra.yaml"))
    for config, environ, source in (
        (Path(name), {}, "--config"),
        (None, {"VIDRA_CONFIG": name}, "VIDRA_CONFIG"),
    ):
        with pytest.raises(ConfigError) as caught:
            find_config(config, environ=environ)
        assert caught.value.problems[0].source == source


def test_a_home_in_the_name_is_resolved(tmp_path: Path) -> None:
    """`VIDRA_CONFIG=~/x.yaml` works where no shell expands it, in units and containers."""
    _touch(tmp_path / "mine.yaml")
    assert find_config(environ={"VIDRA_CONFIG": "~/mine.yaml"}) == tmp_path / "mine.yaml"
