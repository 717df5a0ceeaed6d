"""The flows that ship with Vidra, read from `deployments/prefect.yaml` without importing Prefect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vidra.datafiles import shipped


@dataclass(frozen=True, kw_only=True, slots=True)
class FlowCard:
    """One deployment, as a person wants to see it listed."""

    name: str
    description: str
    entrypoint: str
    schedules: tuple[str, ...]
    """In words: `cron 0 4 * * * (Europe/Berlin)`, `every 30 s`; ` (off)` behind an inactive one."""
    tags: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the card for `--json`; these keys stay."""
        return asdict(self)


def read_catalogue(path: Path | None = None) -> Sequence[FlowCard]:
    """Return the deployments of the file (default: the shipped one), in the file's order."""
    from ruamel.yaml import YAML  # noqa: PLC0415 - 0.03 s, and only two commands need it

    path = path or shipped("deployments") / "prefect.yaml"
    document = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8")) or {}
    return [_card(raw) for raw in document.get("deployments") or ()]


def entrypoint_of(flow: str) -> str:
    """Return the module-path entrypoint of the flow with this name; raise `KeyError`."""
    return {card.name: card.entrypoint for card in read_catalogue()}[flow]


def _card(raw: Mapping[str, Any]) -> FlowCard:
    schedules = raw.get("schedules") or ([raw["schedule"]] if raw.get("schedule") else [])
    return FlowCard(
        name=raw["name"],
        description=" ".join((raw.get("description") or "").split()),
        entrypoint=raw["entrypoint"],
        schedules=tuple(_schedule_words(schedule) for schedule in schedules),
        tags=tuple(raw.get("tags") or ()),
    )


def _schedule_words(schedule: Mapping[str, Any]) -> str:
    zone = f" ({schedule['timezone']})" if schedule.get("timezone") else ""
    off = "" if schedule.get("active", True) else " (off)"
    if "interval" in schedule:
        return f"every {schedule['interval']:g} s{off}"
    if "rrule" in schedule:
        return f"rrule {schedule['rrule']}{zone}{off}"
    return f"cron {schedule.get('cron')}{zone}{off}"
