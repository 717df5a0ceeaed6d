"""Puts the layers together through pydantic-settings: command line > environment > YAML > defaults."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from vidra.errors import ConfigError, ConfigProblem
from vidra.settings.environment import environment_layer
from vidra.settings.findings import findings
from vidra.settings.layers import Layer, Origin, Place, override_layer
from vidra.settings.location import find_config
from vidra.settings.model import Settings

_DEFAULT = Place(origin=Origin.DEFAULT, source="default")


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolution:
    """Checked settings, the file they came from, and the layers that were put together."""

    settings: Settings
    file: Path | None
    layers: tuple[Layer, ...]
    """The strongest first."""

    def place(self, path: tuple[str, ...]) -> Place:
        """Return where the key's value came from; for merged mappings, the strongest that said anything."""
        for layer in self.layers:
            if layer.has(path):
                within = (place for known, place in layer.places.items() if known[: len(path)] == path)
                return layer.place(path) or next(within, _DEFAULT)
        return _DEFAULT


class _LayerSource(PydanticBaseSettingsSource):
    """Hands a layer that was read before to pydantic-settings."""

    def __init__(self, settings_cls: type[BaseSettings], layer: Layer) -> None:
        super().__init__(settings_cls)
        self._layer = layer

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return the section of that name; part of the base class's contract."""
        del field
        return self._layer.values.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return all values, unknown sections too, so that they are refused and not overlooked."""
        return self._layer.values


def resolve_settings(
    *,
    config: Path | None = None,
    overrides: Mapping[str, object] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Resolution:
    """Read and check everything; raise `ConfigError` with all problems of all layers at once."""
    file = find_config(config, environ=environ)
    layers = [override_layer(overrides or {}), environment_layer(environ)]
    if file is not None:
        # Parsing YAML costs 50 ms to import; a machine without a file need not pay.
        from vidra.settings.yaml_file import file_layer  # noqa: PLC0415 - see above

        layers.append(file_layer(file))
    return Resolution(settings=_checked(layers), file=file, layers=tuple(layers))


def _checked(layers: Sequence[Layer]) -> Settings:
    problems = [finding for layer in layers for finding in layer.problems]
    try:
        settings = _merged(layers)
    except ValidationError as error:
        raise ConfigError(_sorted([*problems, *findings(error, layers)])) from error
    if problems:
        raise ConfigError(_sorted(problems))
    return settings


def _sorted(problems: Sequence[ConfigProblem]) -> list[ConfigProblem]:
    """Return the problems by place, each once: a union reports every one of its branches."""
    once = {(found.source, found.line or 0, found.key_path, found.expected): found for found in problems}
    return [once[key] for key in sorted(once)]


def _merged(layers: Sequence[Layer]) -> Settings:
    class Layered(BaseSettings, Settings):  # type: ignore[misc]  # both configs are ConfigDicts, one has more keys
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            del init_settings, env_settings, dotenv_settings, file_secret_settings
            return tuple(_LayerSource(settings_cls, layer) for layer in layers)

    merged = Layered()
    return Settings(**{name: getattr(merged, name) for name in Settings.model_fields})
