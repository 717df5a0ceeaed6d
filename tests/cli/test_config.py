from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from vidra.cli import main
from vidra.settings import Settings, load_settings
from vidra.settings.keys import all_keys
from vidra.settings.schema import json_schema


class Run:
    """Runs `vidra` in this process and keeps what it said."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> tuple[int, Sequence[str], str]:
        """Return exit code, lines of standard output, standard error."""
        self._capsys.readouterr()
        code = main(arguments)
        said = self._capsys.readouterr()
        return code, said.out.splitlines(), said.err


@pytest.fixture
def vidra(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Be a user without configuration in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("VIDRA_CONFIG", raising=False)
    return Run(capsys)


def test_init_writes_a_valid_file_and_its_schema(vidra: Run) -> None:
    """The file loads to the defaults; editors find the schema beside it."""
    code, out, _ = vidra("config", "init", "--path", "new/folder/vidra.yaml")
    assert (code, out) == (0, ["wrote new/folder/vidra.yaml", "wrote new/folder/vidra.schema.json"])
    assert load_settings(config=Path("new/folder/vidra.yaml"), environ={}) == Settings()


def test_init_without_path_writes_where_vidra_looks(vidra: Run, tmp_path: Path) -> None:
    """The next command uses what was written."""
    assert vidra("config", "init")[0] == 0
    assert vidra("config", "show")[1][0] == f"# file: {tmp_path}/user/vidra/vidra.yaml"


def test_init_never_replaces_a_file_unasked(vidra: Run) -> None:
    """Somebody's work is in it; `--force` says that it may go."""
    Path("vidra.yaml").write_text("server: {port: 5}")
    code, _, err = vidra("config", "init", "--path", ".")
    assert (code, "--force" in err, Path("vidra.yaml").read_text()) == (2, True, "server: {port: 5}")
    assert vidra("config", "init", "--path", ".", "--force")[0] == 0
    assert "59666" in Path("vidra.yaml").read_text()


def test_init_into_a_place_that_cannot_be_is_a_clear_error(vidra: Run) -> None:
    """One line, exit code 2, nothing left behind."""
    Path("file").touch()
    code, _, err = vidra("config", "init", "--path", "file/vidra.yaml")
    assert (code, err.count("\n")) == (2, 1)
    assert sorted(Path().iterdir()) == [Path("file")]


def test_show_tells_every_value_and_its_origin(vidra: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Command line, variable, file with line, default."""
    Path("vidra.yaml").write_text("server:\n  port: 5\n")
    monkeypatch.setenv("VIDRA_SERVER_HOST", "::1")
    code, out, _ = vidra("--data-dir", "/d", "config", "show")
    lines = {line.split()[0]: line.partition("=")[2].strip() for line in out[1:]}
    assert (code, len(lines)) == (0, len(all_keys()))
    assert lines["storage.data_dir"] == '"/d"  # cli command line'
    assert lines["server.host"] == '"::1"  # env VIDRA_SERVER_HOST'
    assert lines["server.port"] == "5  # file vidra.yaml:2"
    assert lines["server.scheme"] == '"http"  # default'


def test_show_without_defaults_as_json(vidra: Run) -> None:
    """For programs: only what somebody set."""
    Path("vidra.yaml").write_text("server:\n  port: 5\n")
    code, out, _ = vidra("config", "show", "--no-defaults", "--json")
    shown = json.loads(out[0])
    value = {"value": 5, "origin": "file", "source": "vidra.yaml", "line": 2}
    assert (code, shown) == (0, {"file": "vidra.yaml", "keys": {"server.port": value}})


def test_show_masks_secrets(vidra: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """In options, headers and the environment; by name and by registration."""
    monkeypatch.setenv("VIDRA_SERVER_TOKEN", "s3cret-env")
    options = "{video_password: s3cret-a, http_headers: {X-Auth-Token: s3cret-b, Accept: 'plain'}}"
    Path("vidra.yaml").write_text(
        f"downloads: {{options: {options}}}\npresets: {{p: {{options: {options}}}}}"
    )
    for arguments in (["config", "show"], ["config", "show", "--json"], ["config", "validate"]):
        code, out, err = vidra(*arguments)
        assert (code, "s3cret" in "".join(out) + err) == (0, False)
    assert "plain" in "".join(vidra("config", "show")[1])


def test_validate_prints_one_line_a_problem_and_exits_with_2(vidra: Run) -> None:
    """All problems, in the order of the file."""
    Path("x.yaml").write_text("server:\n  port: 0\n  prot: 1\ndownlods: {}\n")
    code, out, err = vidra("config", "validate", "x.yaml")
    assert (code, err) == (2, "")
    assert [line.split(": ")[0] for line in out] == ["x.yaml:2", "x.yaml:3", "x.yaml:4"]


def test_validate_as_json(vidra: Run) -> None:
    """The same for programs."""
    Path("vidra.yaml").write_text("server: {log_level: inof}\n")
    code, out, _ = vidra("config", "validate", "--json")
    found = json.loads(out[0])
    (problem,) = found["problems"]
    assert (code, found["valid"], found["file"]) == (2, False, "vidra.yaml")
    assert (problem["line"], problem["key"], problem["suggestion"]) == (1, "server.log_level", "info")


def test_validate_covers_the_environment(vidra: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A good file beside a misspelt variable is no valid configuration."""
    assert vidra("config", "validate") == (0, ["no file, the defaults apply: valid"], "")
    monkeypatch.setenv("VIDRA_SERVER_PROT", "1")
    assert vidra("config", "validate")[0] == 2


def test_validate_finds_a_wrong_value_that_a_variable_hides(
    vidra: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is checked by itself, too: the variable may be gone tomorrow."""
    Path("vidra.yaml").write_text("server: {port: 0}\n")
    monkeypatch.setenv("VIDRA_SERVER_PORT", "5000")
    assert vidra("config", "show")[0] == 0
    code, out, _ = vidra("config", "validate")
    assert (code, out[0].split(": ")[:2]) == (2, ["vidra.yaml:1", "server.port"])


def test_a_wrong_configuration_stops_any_command_with_2(vidra: Run) -> None:
    """Every problem on standard error, nothing on standard output."""
    Path("vidra.yaml").write_text("server: {port: 0, prot: 1}\n")
    code, out, err = vidra("config", "show")
    assert (code, out) == (2, [])
    assert "2 problems" in err
    assert "vidra.yaml:1: server.port" in err


def test_schema_prints_the_schema(vidra: Run) -> None:
    """`make schema` writes the committed file with it."""
    code, out, _ = vidra("config", "schema")
    assert (code, json.loads("\n".join(out))) == (0, json_schema())
