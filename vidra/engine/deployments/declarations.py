"""What `deployments/prefect.yaml` declares, read without Prefect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from vidra.errors import ConfigError, ConfigProblem


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """When a deployment runs by itself: `cron` or `interval` (seconds), exactly one of them."""

    slug: str
    cron: str | None = None
    interval: float | None = None
    timezone: str | None = None
    active: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Declaration:
    """One deployment as the file declares it."""

    name: str
    entrypoint: str
    pool: str
    description: str | None = None
    tags: tuple[str, ...] = ()
    parameters: Mapping[str, Any]
    schedules: tuple[Schedule, ...] = ()
    concurrency_limit: int | None = None
    collision_strategy: str | None = None
    """ENQUEUE or CANCEL_NEW: what becomes of a run that would exceed the limit."""
    job_variables: Mapping[str, Any] = field(default_factory=dict)
    """What the worker is told; for its own keys see `vidra.engine.deployments.pacing`."""

    def scheduled(self, *, cron: str | None = None, interval: float | None = None) -> Declaration:
        """Return the declaration with its schedules replaced by one; by none without arguments."""
        if cron is None and interval is None:
            return replace(self, schedules=())
        zone = self.schedules[0].timezone if self.schedules else None
        return replace(self, schedules=(Schedule(slug="0", cron=cron, interval=interval, timezone=zone),))


def read_declarations(file: Path) -> Sequence[Declaration]:
    """Return what the file declares. Raises `ConfigError` naming file, line and key."""
    try:
        content = YAML(typ="rt").load(file.read_text("utf-8"))
    except (OSError, YAMLError) as error:
        raise _wrong(file, None, "deployments", str(error), "a readable YAML file") from error
    return [_declaration(file, index, entry) for index, entry in enumerate(content.get("deployments") or [])]


def _declaration(file: Path, index: int, entry: Any) -> Declaration:  # noqa: ANN401 - as YAML has it
    key, line = f"deployments[{index}]", entry.lc.line + 1
    for wanted in ("name", "entrypoint"):
        if not isinstance(entry.get(wanted), str):
            raise _wrong(file, line, f"{key}.{wanted}", entry.get(wanted), "a text")
    if "/" in entry["entrypoint"] or ":" in entry["entrypoint"]:
        expected = "a module path such as `flows.download_job.download_job`"
        raise _wrong(file, line, f"{key}.entrypoint", entry["entrypoint"], expected)
    limit = entry.get("concurrency_limit")
    return Declaration(
        name=entry["name"],
        entrypoint=entry["entrypoint"],
        pool=(entry.get("work_pool") or {}).get("name") or "vidra",
        description=entry.get("description"),
        tags=tuple(entry.get("tags") or ()),
        parameters=dict(entry.get("parameters") or {}),
        job_variables=dict((entry.get("work_pool") or {}).get("job_variables") or {}),
        schedules=tuple(
            _schedule(file, f"{key}.schedules[{number}]", number, one)
            for number, one in enumerate(entry.get("schedules") or [])
        ),
        concurrency_limit=limit.get("limit") if isinstance(limit, Mapping) else limit,
        collision_strategy=limit.get("collision_strategy") if isinstance(limit, Mapping) else None,
    )


def _schedule(file: Path, key: str, number: int, entry: Any) -> Schedule:  # noqa: ANN401 - as YAML has it
    cron, interval = entry.get("cron"), entry.get("interval")
    if (cron is None) == (interval is None):
        raise _wrong(file, entry.lc.line + 1, key, dict(entry), "either `cron` or `interval` (seconds)")
    return Schedule(
        slug=str(entry.get("slug") or number),
        cron=cron,
        interval=None if interval is None else float(interval),
        timezone=entry.get("timezone"),
        active=entry.get("active", True),
    )


def _wrong(file: Path, line: int | None, key: str, value: object, expected: str) -> ConfigError:
    problem = ConfigProblem(
        source=str(file), line=line, key_path=key, value=value, expected=f"expected {expected}"
    )
    return ConfigError([problem])
