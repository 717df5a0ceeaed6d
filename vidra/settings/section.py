"""What all sections of the configuration have in common."""

from __future__ import annotations

from pydantic import BaseModel, ByteSize, ConfigDict, ValidationInfo, field_validator


class Section(BaseModel):
    """A section of `vidra.yaml`: frozen, refuses unknown keys, checks its own defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, hide_input_in_errors=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_numbers(cls, value: object, info: ValidationInfo) -> object:
        """Refuse true and false where a number is meant: Python would count them as 1 and 0."""
        field = cls.model_fields[info.field_name or ""]
        if isinstance(value, bool) and field.annotation in {int, float, ByteSize}:
            raise ValueError("expected a number")
        return value
