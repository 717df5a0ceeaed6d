"""Writes the commented default configuration, `config/vidra.yaml`, from the models."""

from __future__ import annotations

import inspect
import json
import os
import re
import textwrap
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ByteSize, TypeAdapter
from pydantic.fields import FieldInfo

from vidra.errors import UsageError
from vidra.settings.keys import Key, all_keys, model_at, sections
from vidra.settings.model import Settings
from vidra.settings.schema import json_schema_text

SCHEMA_FILE = "vidra.schema.json"
_FENCE = re.compile(r"```yaml\n(.*?)```", re.DOTALL)
_PLAIN = re.compile(r"[A-Za-z0-9/][A-Za-z0-9./ _-]*\Z")
_WIDTH = 98
_BYTES = TypeAdapter(ByteSize)
_HEAD = f"""\
# yaml-language-server: $schema={SCHEMA_FILE}
#
# Vidra's configuration with every key at its default; keep only what you change.
# Command line > environment (VIDRA_<SECTION>__<KEY>) > this file > defaults. A key with nothing
# after it counts as unset. Relative paths start at this file's folder. Secrets never belong here.
# `vidra config validate` checks the file, `vidra config show` tells where each value comes from.
"""


def commented_default() -> str:
    """Return the text of `config/vidra.yaml`; it loads to exactly the defaults."""
    parts = [_HEAD]
    for name, field in Settings.model_fields.items():
        parts.append("\n".join(_section(name, field)) + "\n")
    return "\n".join(parts)


def write_default(path: Path, *, force: bool = False) -> Sequence[Path]:
    """Write the commented default and, beside it, the schema its first line names; return both paths.

    A folder stands for `vidra.yaml` in it. Raises `UsageError` when the file is there and `force` is
    not set (the schema is always brought up to date), or when the folder cannot be written.
    """
    path = path / "vidra.yaml" if path.is_dir() else path
    if path.exists() and not force:
        raise UsageError(f"{path} is there already; --force replaces it, --path chooses another place")
    schema = path.parent / SCHEMA_FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(schema, json_schema_text())
        _replace(path, commented_default())
    except OSError as exc:
        raise UsageError(f"{path} cannot be written: {exc.strerror}; --path chooses another place") from exc
    return path, schema


def _replace(path: Path, text: str) -> None:
    """Write a whole new file, so that a full disk leaves the old one as it was."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def yaml_example(model: type[BaseModel]) -> str:
    """Return the YAML sample of the model's docstring."""
    found = _FENCE.search(inspect.cleandoc(model.__doc__ or ""))
    return found[1] if found else ""


def default_yaml(key: Key) -> str:
    """Return the key's default as it is written in YAML; empty for None and for words."""
    return "" if key.default_text else _scalar(key.default)


def _section(name: str, field: FieldInfo) -> Iterator[str]:
    yield from _comment(field.description or "", "")
    if name not in sections():
        yield f"{name}: {{}}"
        model = model_at((name, "example"))
        yield from textwrap.indent(yaml_example(model) if model else "", "# ").rstrip().split("\n")
        return
    yield f"{name}:"
    for key in all_keys():
        if key.path[0] == name:
            yield from _comment(key.description + _takes(key), "  ")
            yield _line(key)


def _takes(key: Key) -> str:
    said = key.accepts.startswith(("seconds", "text", "true or", "a path"))
    return "" if said else f" Takes {key.accepts}."


def _line(key: Key) -> str:
    if key.default_text:
        return f"  # {key.path[-1]}:  # default: {key.default_text}"
    return f"  {key.path[-1]}: {default_yaml(key)}".rstrip()


def _comment(text: str, indent: str) -> list[str]:
    lead = f"{indent}# "
    return textwrap.wrap(text, _WIDTH, initial_indent=lead, subsequent_indent=lead, break_on_hyphens=False)


def _scalar(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, ByteSize):
        return _size(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, StrEnum) or (isinstance(value, str) and _PLAIN.match(value)):
        return str(value)
    return json.dumps(value, ensure_ascii=False)


def _size(value: ByteSize) -> str:
    """Return the shortest way to write exactly this size."""
    for decimal in (True, False):
        text = value.human_readable(decimal=decimal, separator="").replace(".0", "")
        if _BYTES.validate_python(text) == value:
            return text
    return str(int(value))
