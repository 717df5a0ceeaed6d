"""The JSON Schema that editors check and complete `vidra.yaml` with."""

from __future__ import annotations

import json
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import CoreSchema

from vidra.settings.model import Settings


class _WithoutTitles(GenerateJsonSchema):
    """Leaves out the titles pydantic makes up from key names: they say nothing new."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ANN401 - pydantic's own type is private
        """Return False for every field."""
        del schema
        return False

    def generate(self, schema: CoreSchema, mode: Any = "validation") -> JsonSchemaValue:  # noqa: ANN401 - a Literal
        """Return the schema with its dialect named."""
        return {"$schema": self.schema_dialect, **super().generate(schema, mode)}


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the configuration file; it refers to nothing outside itself."""
    return Settings.model_json_schema(schema_generator=_WithoutTitles)


def json_schema_text() -> str:
    """Return the text of `config/vidra.schema.json`."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
