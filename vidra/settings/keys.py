"""The catalogue of all keys, read off the models: paths, variables, words, defaults."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, ByteSize
from pydantic.fields import FieldInfo

from vidra.settings.constraints import Accepts, Named
from vidra.settings.model import Settings

PREFIX = "VIDRA_"


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """One key of the configuration."""

    path: tuple[str, ...]
    field: FieldInfo

    @property
    def dotted(self) -> str:
        """The path as people write it: `downloads.concurrency`."""
        return ".".join(self.path)

    @property
    def variables(self) -> tuple[str, ...]:
        """Environment variables the key is read from, the strongest first."""
        named = (name for mark in self.field.metadata if isinstance(mark, Named) for name in mark.variables)
        return (PREFIX + "__".join(self.path).upper(), *named)

    @property
    def type(self) -> Any:  # noqa: ANN401 - annotations are any kind of object
        """The Python type behind aliases, markers and `| None`."""
        return _bare(self.field.annotation)

    @property
    def is_list(self) -> bool:
        """Whether the key takes a list."""
        return get_origin(self.type) is tuple

    @property
    def is_map(self) -> bool:
        """Whether the key takes a mapping whose own keys are the owner's."""
        return get_origin(self.type) is Mapping

    @property
    def is_path(self) -> bool:
        """Whether the key takes one local path, or a list of them."""
        return self.type is Path or (self.is_list and _bare(get_args(self.type)[0]) is Path)

    @property
    def choices(self) -> tuple[str, ...]:
        """The values of a closed choice; empty for anything else."""
        kind = self.type
        return tuple(kind) if isinstance(kind, type) and issubclass(kind, StrEnum) else ()

    @property
    def accepts(self) -> str:
        """What the key takes, in words that finish the sentence `expected …`."""
        marks = [mark for mark in _metadata(self.field) if isinstance(mark, Accepts)]
        return marks[-1].words if marks else self._words_of_type()

    def _words_of_type(self) -> str:
        if self.choices:
            return "one of " + ", ".join(f"`{choice}`" for choice in self.choices)
        if self.type is bool:
            return "true or false"
        if self.type in {int, float, ByteSize}:
            noun = "a whole number" if self.type is int else "a number"
            return noun + _range(list(_metadata(self.field)))
        return "text"

    @property
    def default(self) -> object:
        """The default on this machine."""
        return self.field.get_default(call_default_factory=True, validated_data={})

    @property
    def default_text(self) -> str | None:
        """The default in words where it depends on the machine or the user; None elsewhere."""
        extra = self.field.json_schema_extra
        text = extra.get("x-default") if isinstance(extra, dict) else None
        return text if isinstance(text, str) else None

    @property
    def description(self) -> str:
        """The sentence about the key."""
        return self.field.description or ""


@cache
def all_keys() -> tuple[Key, ...]:
    """Return every key of `Settings` in the order of the models; owner-named mappings count as one key."""
    return tuple(_walk((), Settings))


@cache
def by_path() -> Mapping[tuple[str, ...], Key]:
    """Return the catalogue by path."""
    return {key.path: key for key in all_keys()}


@cache
def sections() -> Mapping[str, FieldInfo]:
    """Return the top-level keys that are sections with keys of their own."""
    return {name: field for name, field in Settings.model_fields.items() if _model(field) is not None}


def owner(path: tuple[str, ...]) -> Key | None:
    """Return the key that the path names or lies in (`presets.talks.options`), if any."""
    known = by_path()
    return next((known[path[:end]] for end in range(len(path), 0, -1) if path[:end] in known), None)


def model_at(path: tuple[str, ...]) -> type[BaseModel] | None:
    """Return the model whose keys stand at this path, if one does: `()`, `downloads`, `presets.talks`."""
    model: type[BaseModel] | None = Settings
    rest = list(path)
    while rest and model is not None:
        field = model.model_fields.get(rest.pop(0))
        if field is None:
            return None
        model = _model(field)
        if model is None and rest:
            rest.pop(0)
            model = _item(field)
    return model


def documented_keys(name: str) -> Iterator[Key]:
    """Yield every key a person can write below a top-level one; names of their own choice are `<name>`."""
    yield from _with_items((name,), Settings.model_fields[name])


def _with_items(path: tuple[str, ...], field: FieldInfo) -> Iterator[Key]:
    item = _item(field)
    inner = _model(field) or item
    if inner is None or (item is not None and len(path) > 1):
        yield Key(path=path, field=field)
    if inner is not None:
        below = (*path, "<name>") if item is not None else path
        for name, one in inner.model_fields.items():
            yield from _with_items((*below, name), one)


def _item(field: FieldInfo) -> type[BaseModel] | None:
    """Return the model of each value of a mapping with names of the owner's choice."""
    kind = _bare(field.annotation)
    return _as_model(_bare(get_args(kind)[1])) if get_origin(kind) is Mapping else None


def _walk(prefix: tuple[str, ...], model: type[BaseModel]) -> Iterator[Key]:
    for name, field in model.model_fields.items():
        inner = _model(field)
        if inner is None:
            yield Key(path=(*prefix, name), field=field)
        else:
            yield from _walk((*prefix, name), inner)


def _model(field: FieldInfo) -> type[BaseModel] | None:
    return _as_model(_bare(field.annotation))


def _as_model(kind: object) -> type[BaseModel] | None:
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _bare(annotation: Any) -> Any:  # noqa: ANN401 - annotations are any kind of object
    """Take `Annotated` and `| None` off."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _bare(get_args(annotation)[0])
    if origin in {Union, types.UnionType}:
        return _bare(next(part for part in get_args(annotation) if part is not type(None)))
    return annotation


def _metadata(field: FieldInfo) -> Iterator[Any]:
    """Yield markers, those of an optional's inner type first, then the field's own."""
    for part in get_args(field.annotation):
        if get_origin(part) is Annotated and type(None) in get_args(field.annotation):
            for mark in get_args(part)[1:]:
                yield from mark.metadata if isinstance(mark, FieldInfo) else (mark,)
    yield from field.metadata


def _range(metadata: list[Any]) -> str:
    low = next((mark.ge for mark in metadata if isinstance(mark, Ge)), None)
    above = next((mark.gt for mark in metadata if isinstance(mark, Gt)), None)
    high = next((mark.le for mark in metadata if isinstance(mark, Le)), None)
    below = next((mark.lt for mark in metadata if isinstance(mark, Lt)), None)
    lower = f" from {low}" if low is not None else f" above {above}" if above is not None else ""
    upper = f" to {high}" if high is not None else f" below {below}" if below is not None else ""
    return lower + upper
