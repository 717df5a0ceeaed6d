from __future__ import annotations

from pathlib import Path

import pytest

from vidra.errors import ConfigError
from vidra.redaction import redact
from vidra.settings import Secrets, load_secrets
from vidra.settings.secrets import secret_variables

ALL = [(name, variable) for name, variables in secret_variables().items() for variable in variables]


@pytest.mark.parametrize(("name", "variable"), ALL)
def test_a_secret_is_read_from_its_variable(name: str, variable: str) -> None:
    """Trimmed, and masked from then on in every text of this process."""
    value = f"s3cret-of-{variable.lower()}"
    secrets = load_secrets(environ={variable: f" {value}\n"})
    assert getattr(secrets, name).get_secret_value() == value
    assert value not in redact(f"look: {value}")


@pytest.mark.parametrize(("name", "variable"), ALL)
def test_a_secret_is_read_from_the_file_its_variable_names(tmp_path: Path, name: str, variable: str) -> None:
    """The habit of container secrets: `<VARIABLE>_FILE`."""
    file = tmp_path / "secret"
    file.write_text("from-a-file\n")
    secrets = load_secrets(environ={f"{variable}_FILE": str(file)})
    assert getattr(secrets, name).get_secret_value() == "from-a-file"


def test_secrets_do_not_print() -> None:
    """Neither as text nor as JSON."""
    secrets = load_secrets(environ={"VIDRA_SERVER_TOKEN": "never-printed"})
    assert "never-printed" not in f"{secrets!r} {secrets} {secrets.model_dump_json()}"


def test_nothing_set_means_no_secrets() -> None:
    """Blank counts as unset; the server makes its own token then."""
    assert load_secrets(environ={"VIDRA_SERVER_TOKEN": " "}) == Secrets()


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff\xfe", b"x" * 70_000])
def test_an_unusable_secret_file_is_refused(tmp_path: Path, content: bytes | None) -> None:
    """Missing, empty, binary or huge: the variable is named, the content is not shown."""
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load_secrets(environ={"PREFECT_API_AUTH_STRING_FILE": str(file)})
    (problem,) = caught.value.problems
    assert (problem.source, problem.value) == ("PREFECT_API_AUTH_STRING_FILE", str(file))


def test_variable_and_file_together_are_refused_without_showing_either(tmp_path: Path) -> None:
    """Two answers to one question; all such problems are told at once."""
    file = tmp_path / "secret"
    file.write_text("in-the-file")
    environ = {
        "VIDRA_PROXY": "in-the-variable",
        "VIDRA_PROXY_FILE": str(file),
        "VIDRA_SERVER_TOKEN_FILE": "/no",
    }
    with pytest.raises(ConfigError) as caught:
        load_secrets(environ=environ)
    assert len(caught.value.problems) == 2
    assert "in-the" not in str(caught.value)
