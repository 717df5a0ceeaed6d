"""What is generated from the models is committed, and never stale."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from tests.settings.conftest import Load
from vidra.datafiles import shipped
from vidra.settings import Settings, load_settings
from vidra.settings.keys import all_keys, model_at, sections
from vidra.settings.reference import configuration_reference
from vidra.settings.samples import commented_default, yaml_example
from vidra.settings.schema import json_schema, json_schema_text

DEFAULT_FILE = shipped("config") / "vidra.yaml"
REFERENCE = Path(__file__).parents[2] / "docs" / "configuration.md"
MODELS = [*sections(), "presets.talks", ""]


def test_the_schema_is_not_stale() -> None:
    """`make schema` writes it anew."""
    assert (shipped("config") / "vidra.schema.json").read_text("utf-8") == json_schema_text()


def test_the_default_file_is_not_stale() -> None:
    """`vidra config init --path config/vidra.yaml --force` writes it anew."""
    assert DEFAULT_FILE.read_text("utf-8") == commented_default()


def test_the_reference_is_not_stale() -> None:
    """`python -m vidra.settings.reference > docs/configuration.md` writes it anew."""
    assert REFERENCE.read_text("utf-8") == configuration_reference()


def test_the_default_file_loads_to_exactly_the_defaults() -> None:
    """What it shows as the default is the default."""
    assert load_settings(config=DEFAULT_FILE, environ={}) == Settings()


def test_the_default_file_names_the_schema_in_its_first_line() -> None:
    """Editors find the schema beside it."""
    first = DEFAULT_FILE.read_text("utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=vidra.schema.json"


def test_every_key_is_in_the_default_file_and_in_the_reference() -> None:
    """A key nobody can find does not exist."""
    text, page = DEFAULT_FILE.read_text("utf-8"), REFERENCE.read_text("utf-8")
    for key in all_keys():
        assert re.search(rf"^ *(# )?{key.path[-1]}:", text, re.MULTILINE), key.dotted
        assert f"`{key.dotted}`" in page or f"## `{key.dotted}`" in page, key.dotted
        assert len(key.path) == 1 or all(f"`{name}`" in page for name in key.variables), key.dotted


@pytest.mark.parametrize("path", MODELS)
def test_every_sections_sample_loads(load: Load, path: str) -> None:
    """The YAML in the docstrings is in the reference; people copy it."""
    model = model_at(tuple(path.split(".")) if path else ())
    assert model is not None
    assert yaml_example(model)
    assert load(yaml_example(model)) != Settings()


def _plain(text: str) -> Any:
    return json.loads(json.dumps(YAML(typ="safe", pure=True).load(text)))


@pytest.mark.parametrize("path", MODELS)
def test_the_schema_accepts_what_we_accept(path: str) -> None:
    """Samples and the default file, by a validator that knows nothing of pydantic."""
    model = model_at(tuple(path.split(".")) if path else ())
    assert model is not None
    jsonschema.Draft202012Validator(json_schema()).validate(_plain(yaml_example(model)))
    jsonschema.Draft202012Validator(json_schema()).validate(_plain(commented_default()))


@pytest.mark.parametrize(
    "text",
    ["downlods: {}", "server: {port: 0}", "server: {scheme: ftp}", "presets: {a: {x: 1}}", "engine: 5"],
)
def test_the_schema_refuses_what_we_refuse(text: str) -> None:
    """The editor underlines the mistake before Vidra does."""
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(json_schema()).validate(_plain(text))


def test_the_schema_describes_every_key_and_refers_to_nothing_outside() -> None:
    """Editors show the descriptions; nothing is fetched (API-24)."""
    schema = json_schema()
    text = json.dumps(schema)
    assert all(json.dumps(key.description)[1:-1] in text for key in all_keys())
    assert all(reference.startswith("#/$defs/") for reference in re.findall(r'"\$ref": "([^"]*)"', text))
