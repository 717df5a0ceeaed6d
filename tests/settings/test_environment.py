from __future__ import annotations

from pathlib import Path

import pytest

from tests.settings.conftest import Refusals
from vidra.errors import ConfigError
from vidra.settings import Settings, load_settings
from vidra.settings.environment import OTHER_PREFIXES, OTHER_VARIABLES, environment_layer
from vidra.settings.keys import all_keys
from vidra.settings.samples import default_yaml


@pytest.fixture(autouse=True)
def _no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the checkout's own `config/vidra.yaml` out of these tests."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


CONTRACT = {
    "VIDRA_SERVER_DATA": ("storage.data_dir", "/d", Path("/d")),
    "VIDRA_SERVER_CACHE": ("storage.cache_dir", "/c", Path("/c")),
    "VIDRA_SERVER_HOST": ("server.host", "0.0.0.0", "0.0.0.0"),
    "VIDRA_SERVER_PORT": ("server.port", "5000", 5000),
    "VIDRA_SERVER_LOG_LEVEL": ("server.log_level", "trace", "trace"),
    "VIDRA_SERVER_NAME": ("server.name", "N", "N"),
    "VIDRA_SERVER_DESCRIPTION": ("server.description", "D", "D"),
    "VIDRA_SERVER_SCHEME": ("server.scheme", "https", "https"),
    "VIDRA_SERVER_BASE_PATH": ("server.base_path", "/x", "/x"),
    "VIDRA_SERVER_API_ROOT": ("server.api_root", "/a", "/a"),
    "VIDRA_SERVER_WS_OVERVIEW_PATH": ("server.ws_overview_path", "/o", "/o"),
    "VIDRA_SERVER_WS_JOB_PATH": ("server.ws_job_path", "/j", "/j"),
    "VIDRA_SERVER_METADATA": ("server.metadata", '{"version": "1"}', {"version": "1"}),
    "VIDRA_SERVER_TIMEOUT_SECONDS": ("server.timeout_seconds", "31", 31),
    "VIDRA_SERVER_STATUS_FILE": ("server.status_file", "/s", Path("/s")),
    "VIDRA_SERVER_LOG_FILE": ("server.log_file", "/l", Path("/l")),
    "VIDRA_SERVER_DIAGNOSTICS": ("server.diagnostics", "y", True),
    "VIDRA_ENABLE_PREVIEW_API": ("server.preview_api", "1", True),
    "VIDRA_SERVER_DEBUG": ("server.debug", "on", True),
    "VIDRA_SERVER_VERBOSE": ("server.verbose", "0", False),
    "PREFECT_API_URL": ("engine.api_url", "http://h:4200/api", "http://h:4200/api"),
}


def _value(settings: Settings, dotted: str) -> object:
    section, key = dotted.split(".")
    return getattr(getattr(settings, section), key)


@pytest.mark.parametrize("variable", CONTRACT)
def test_the_client_contracts_variables_are_read_as_they_stand(variable: str) -> None:
    """Every name of the client contract's first section sets its key."""
    dotted, text, value = CONTRACT[variable]
    settings = load_settings(environ={"VIDRA_CONFIG": "", variable: text})
    assert _value(settings, dotted) == value != _value(Settings(), dotted)


@pytest.mark.parametrize("variable", CONTRACT)
def test_blank_variables_count_as_unset(variable: str) -> None:
    """The client's bundled `.env` may leave any of them empty."""
    assert load_settings(environ={variable: "  "}) == load_settings(environ={})


def test_what_the_client_passes_is_accepted() -> None:
    """Its own variables and other programs' are no mistakes."""
    environ = {
        "VIDRA_SERVER_TOKEN": "t0ken",
        "VIDRA_SERVER_LOCK_FILE": "/x/lock",
        "VIDRA_SERVER_HEALTH_PATH": "/",
        "VIDRA_TEST_SEED": "1",
        "VIDRA_SECRET_SOURCE_PLEX_TOKEN": "s",
        "VIDRA_CREDENTIALS_KEY_FILE": "/k",
        "VIDRA_BACKEND_FD": "3",
        "VIDRA_CONFIG": "",
        "FALLBACK_LANGUAGE": "es",
        "PATH": "/bin",
    }
    assert load_settings(environ=environ) == load_settings(environ={})


def test_every_key_can_be_set_by_its_nested_name() -> None:
    """`VIDRA_<SECTION>__<KEY>` exists for all keys: each one's default, as text, gives the default again."""
    environ = {key.variables[0]: default_yaml(key).strip('"') for key in all_keys()}
    set_keys = {key.path for key in all_keys() if default_yaml(key)}
    assert len(environ) == len(all_keys()) > 40
    layer = environment_layer(environ)
    assert (set(layer.places), layer.problems) == (set_keys, [])
    assert load_settings(environ=environ) == load_settings(environ={})


def test_the_nested_name_is_stronger_than_the_contracts() -> None:
    """Who writes the section out means it."""
    environ = {"VIDRA_SERVER_PORT": "1", "VIDRA_SERVER__PORT": "2"}
    assert load_settings(environ=environ).server.port == 2


@pytest.mark.parametrize("text", ["/a,/b", "/a , /b,", '["/a", "/b"]'])
def test_lists_are_json_or_separated_by_commas(text: str) -> None:
    """Both ways people write lists in variables."""
    settings = load_settings(environ={"VIDRA_DOWNLOADS__ROOTS": text})
    assert settings.downloads.roots == (Path("/a"), Path("/b"))


def test_mappings_are_json_or_set_by_single_keys() -> None:
    """The owner's own names go below the key's; values are JSON where they can be."""
    environ = {
        "VIDRA_DOWNLOADS__OPTIONS": '{"format": "best", "retries": 1}',
        "VIDRA_DOWNLOADS__OPTIONS__RETRIES": "2",
        "VIDRA_PRESETS__TALKS__EXTENDS": "archive",
    }
    settings = load_settings(environ=environ)
    assert settings.downloads.options == {"format": "best", "retries": 2}
    assert settings.presets["talks"].extends == "archive"


@pytest.mark.parametrize(
    ("variable", "suggestion"),
    [
        ("VIDRA_DOWNLOADS__CONCURENCY", "VIDRA_DOWNLOADS__CONCURRENCY"),
        ("VIDRA_SERVER_PROT", "VIDRA_SERVER_PORT"),
        ("VIDRA_SERVER_TOKN", "VIDRA_SERVER_TOKEN"),
        ("VIDRA_SOMETHING", None),
        ("VIDRA_DOWNLOADS__RETRIES__MORE", "VIDRA_DOWNLOADS__RETRIES"),
        ("VIDRA_", None),
        ("VIDRA_DOWNLOADS__OPTIONS__", "VIDRA_DOWNLOADS__OPTIONS"),
    ],
)
def test_a_misspelt_variable_is_refused(refusals: Refusals, variable: str, suggestion: str | None) -> None:
    """Its name is the source, and the right name is suggested."""
    (problem,) = refusals(environ={variable: "4"})
    assert (problem.source, problem.line, problem.suggestion) == (variable, None, suggestion)


@pytest.mark.parametrize("text", ["[1]", "{", "words"])
def test_metadata_that_is_no_object_is_refused(refusals: Refusals, text: str) -> None:
    """The client contract calls it a start-up error."""
    (problem,) = refusals(environ={"VIDRA_SERVER_METADATA": text})
    assert problem.key_path == "server.metadata"
    assert "a JSON object" in problem.expected


def test_a_misspelt_secret_is_not_repeated() -> None:
    """The value of a variable that resembles a secret's never shows."""
    with pytest.raises(ConfigError) as caught:
        load_settings(environ={"VIDRA_SERVER_TOKN": "hunter22hunter"})
    assert "hunter" not in str(caught.value)


def test_no_variable_sets_two_things() -> None:
    """Names of keys, secrets and others never overlap."""
    names = [name for key in all_keys() for name in key.variables]
    assert len(names) == len(set(names))
    assert not set(names) & OTHER_VARIABLES
    assert not [name for name in names if name.startswith(OTHER_PREFIXES)]
