"""Named sets of options: those that ship as data files, and the owner's own from his YAML."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from vidra.errors import ConfigError, ConfigProblem, OptionRefused
from vidra.media.options.model import OptionLayer, Origin

_KEYS = frozenset({"description", "extends", "options", "output", "aliases"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Preset:
    """A named set of options on top of what it extends."""

    name: str
    description: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Its own options; `layer` holds those it extends too."""
    output: str | None = None
    """Output template; None means that of what it extends, or the configured one."""
    aliases: tuple[str, ...] = ()
    source: str = ""
    """File or configuration section it comes from."""

    beneath: OptionLayer | None = None
    """What it extends, as a layer of its own: the same option may go by another name there."""

    @property
    def layer(self) -> OptionLayer:
        """The preset as the first layer of a job's options."""
        return OptionLayer(
            origin=Origin.PRESET, values=self.options, output=self.output, beneath=self.beneath
        )


def load_presets(
    shipped_dir: Path, user: Mapping[str, Mapping[str, Any]] | None = None
) -> Mapping[str, Preset]:
    """Return all presets by name: the shipped `*.yaml` files and the owner's, which win.

    Raises ConfigError, with every finding, for a preset that extends an unknown one or itself.
    """
    shipped = _shipped(shipped_dir)
    raw = dict(shipped)
    for name, values in (user or {}).items():
        raw[name] = _Raw(name, values, f"presets.{name}")
    problems = [problem for entry in raw.values() for problem in entry.problems(raw, shipped)]
    if problems:
        raise ConfigError(problems)
    return {name: entry.merged(raw, shipped) for name, entry in raw.items()}


def find_preset(presets: Mapping[str, Preset], name: str) -> Preset:
    """Return the preset of this name or alias; `best_video` and `best-video` are the same.

    Raises OptionRefused, naming those there are, for an unknown one.
    """
    plain = name.strip().lower().replace("_", "-")
    for preset in presets.values():
        known = {other.lower().replace("_", "-") for other in (preset.name, *preset.aliases)}
        if plain in known:
            return preset
    near = difflib.get_close_matches(plain, presets, n=1)
    hint = f"did you mean `{near[0]}`?" if near else None
    raise OptionRefused(
        "preset", f"expected one of {', '.join(sorted(presets))}, got {name!r}", value=name, remedy=hint
    )


@dataclass(frozen=True, slots=True)
class _Raw:
    name: str
    values: Mapping[str, Any]
    source: str

    def parent(self, raw: Mapping[str, _Raw], shipped: Mapping[str, _Raw]) -> _Raw | None:
        """Return what this one extends; an owner's `best-video` may extend the shipped `best-video`."""
        extends = self.values.get("extends")
        if extends == self.name and shipped.get(self.name) is not self:
            return shipped.get(self.name) or self
        return raw.get(extends) if extends else None

    def line_of_descent(self, raw: Mapping[str, _Raw], shipped: Mapping[str, _Raw]) -> Iterator[_Raw]:
        """Yield this one, its parent, and so on; ends at a loop."""
        seen: list[_Raw] = []
        current: _Raw | None = self
        while current is not None and not any(current is old for old in seen):
            seen.append(current)
            yield current
            current = current.parent(raw, shipped)

    def problems(self, raw: Mapping[str, _Raw], shipped: Mapping[str, _Raw]) -> Iterator[ConfigProblem]:
        for key in sorted(set(self.values) - _KEYS):
            yield self._problem(key, self.values[key], f"one of {', '.join(sorted(_KEYS))}")
        extends = self.values.get("extends")
        if extends and self.parent(raw, shipped) is None:
            near = difflib.get_close_matches(str(extends), raw, n=1)
            expected = f"one of {', '.join(sorted(raw))}"
            yield replace(self._problem("extends", extends, expected), suggestion=near[0] if near else None)
        *_, last = self.line_of_descent(raw, shipped)
        if last.parent(raw, shipped) is not None:
            yield self._problem("extends", extends, "a preset that does not extend itself in a circle")

    def merged(self, raw: Mapping[str, _Raw], shipped: Mapping[str, _Raw]) -> Preset:
        parent = self.parent(raw, shipped)
        return Preset(
            name=self.name,
            description=str(self.values.get("description") or ""),
            options=self.values.get("options") or {},
            output=self.values.get("output"),
            aliases=tuple(self.values.get("aliases") or ()),
            source=self.source,
            beneath=parent.merged(raw, shipped).layer if parent else None,
        )

    def _problem(self, key: str, value: object, expected: str) -> ConfigProblem:
        return ConfigProblem(
            source=self.source,
            line=None,
            key_path=f"presets.{self.name}.{key}",
            value=value,
            expected=expected,
        )


@cache
def _shipped(folder: Path) -> Mapping[str, _Raw]:
    """Return what ships; a run with forty subscriptions asks as often, and it changes as little as code."""
    return {path.stem: _Raw(path.stem, _read_yaml(path), str(path)) for path in sorted(folder.glob("*.yaml"))}


def _read_yaml(path: Path) -> Mapping[str, Any]:
    from ruamel.yaml import YAML  # noqa: PLC0415 - slow to import, and only needed once a file is read
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415 - the same

    try:
        values = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except (OSError, YAMLError) as error:
        raise ConfigError([_unreadable(path, str(error))]) from error
    if not isinstance(values, dict):
        raise ConfigError([_unreadable(path, "not a map")])
    return values


def _unreadable(path: Path, problem: str) -> ConfigProblem:
    return ConfigProblem(
        source=str(path), line=None, key_path=path.stem, value=problem, expected="a preset in YAML"
    )
