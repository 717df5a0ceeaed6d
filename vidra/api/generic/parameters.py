"""Checks the parameters of a run against the JSON Schema of its flow, before the engine is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

import orjson
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.exceptions import best_match

from vidra.api.answers import BadBody

_MOST: Final = 20
"""Findings that one answer names."""
_LONGEST: Final = 200
"""Characters of a schema that a finding quotes."""
_TEMPLATE: Final = "__prefect_kind"
"""Key by which Prefect would fill in templates, variables and secrets of its own."""


def check_parameters(parameters: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """Raise `BadBody` (422) with findings by field; what was sent is not repeated in them."""
    found = dict(islice(_findings(parameters, schema), _MOST))
    if found:
        raise BadBody(found, code="invalid_request", status=422)


def _findings(parameters: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    known = schema.get("properties", {})
    for name in parameters:
        if name not in known:
            takes = ", ".join(sorted(known)) or "none"
            yield f"parameters.{name[:_LONGEST]}", f"no such parameter; this flow takes: {takes}"
    yield from _templates(parameters, "parameters")
    for error in Draft202012Validator(schema).iter_errors(parameters):
        deepest = _deepest(error)
        place = ".".join(("parameters", *map(str, deepest.absolute_path)))
        yield place[:_LONGEST], _expected(deepest)


def _templates(value: object, place: str) -> Iterator[tuple[str, str]]:
    """Name places where Prefect would put something of its own in: its variables are not the caller's."""
    pairs: Iterator[tuple[object, object]] = iter(())
    if isinstance(value, Mapping):
        if _TEMPLATE in value:
            yield place[:_LONGEST], f"`{_TEMPLATE}` is not taken: parameters are plain values"
        pairs = iter(value.items())
    elif isinstance(value, list):
        pairs = iter(enumerate(value))
    for name, inner in pairs:
        yield from _templates(inner, f"{place}.{name}")


def _deepest(error: ValidationError) -> ValidationError:
    while error.context:
        inner = best_match(error.context)
        if inner is None:
            break
        error = inner
    return error


def _expected(error: ValidationError) -> str:
    wanted = orjson.dumps(error.validator_value, default=str).decode()
    return f"expected {error.validator}: {wanted[:_LONGEST]}"
