"""What a subscription says together with those it extends."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from vidra.errors import UsageError
from vidra.settings.section import Section
from vidra.settings.subscriptions import SubscriptionSettings


def subscription(name: str, declared: Mapping[str, SubscriptionSettings]) -> SubscriptionSettings:
    """Return the subscription with everything it inherits; rules, cookies and options are merged key by key.

    Raises `UsageError` for an unknown name, here or in `extends`, and for a circle.
    """
    merged: dict[str, Any] = {}
    for one in reversed(list(_line_of_descent(name, declared))):
        merged = _over(merged, _said(one))
    merged.pop("extends", None)
    return SubscriptionSettings.model_validate(merged)


def runnable(declared: Mapping[str, SubscriptionSettings]) -> list[str]:
    """Return the names of those that have addresses; the others are only there to be extended."""
    return [name for name in declared if subscription(name, declared).urls]


def unknown_name(name: str, declared: Mapping[str, object]) -> str:
    """Return the sentence that refuses a name nobody declared, with the one that was probably meant."""
    near = difflib.get_close_matches(name, declared, n=1)
    hint = f"did you mean `{near[0]}`?" if near else f"there are {', '.join(sorted(declared)) or 'none'}"
    return f"no subscription `{name}`; {hint}"


def _line_of_descent(
    name: str, declared: Mapping[str, SubscriptionSettings]
) -> Iterator[SubscriptionSettings]:
    seen: list[str] = []
    following: str | None = name
    while following is not None:
        if following in seen:
            circle = " -> ".join([*seen, following])
            raise UsageError(f"subscriptions.{name}.extends: expected no circle, got {circle}")
        if following not in declared:
            raise UsageError(unknown_name(following, declared))
        seen.append(following)
        yield declared[following]
        following = declared[following].extends


def _said(section: Section) -> dict[str, Any]:
    """Return what was written, as nested mappings; defaults are left out."""
    return {
        name: _said(value) if isinstance(value, Section) else value
        for name in section.model_fields_set
        if (value := getattr(section, name)) is not None
    }


def _over(low: Mapping[str, Any], high: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(low)
    for name, value in high.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(name), Mapping)
        merged[name] = _over(merged[name], value) if both else value
    return merged
