"""Limits that hold across processes and machines: Prefect's global concurrency limits.

A limit that the server does not know limits nothing, so they are written when the engine starts, and
those of sites that nobody named when such a site is first met (see `slots`). Writing them imports
Prefect when used; comparing them and giving slots back do without, as `vidra up` does both.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vidra.engine.deployments.applying import ChangeKind
from vidra.engine.http_api import HttpApi
from vidra.engine.politeness.sites import limits_of
from vidra.engine.runs import connected_client
from vidra.engine.worker import owners
from vidra.settings import LimitSettings

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient

DOWNLOADS: Final = "vidra-downloads"
"""The limit of all downloads together."""
_SITE: Final = "vidra-site-"
_PACE: Final = "vidra-pace-"
LEASES: Final = "concurrency_leases"
"""Folder of Prefect's filesystem lease storage below its home; one JSON file a lease."""


def site_limit(site: str) -> str:
    """Return the name of the limit of one site, such as `vidra-site-example.org`."""
    return f"{_SITE}{site.lower()}"


def pace_limit(site: str) -> str:
    """Return the name of the rate limit of one site, such as `vidra-pace-example.org`."""
    return f"{_PACE}{site.lower()}"


@dataclass(frozen=True, kw_only=True, slots=True)
class GlobalLimit:
    """One limit: `slots` at the same time; with `per_second` they come back at that rate by themselves."""

    name: str
    slots: int
    per_second: float = 0.0

    def __str__(self) -> str:
        """Return it in words: `2 at a time`, `6 a minute`."""
        return f"{self.per_second * 60:g} a minute" if self.per_second else f"{self.slots} at a time"


@dataclass(frozen=True, kw_only=True, slots=True)
class LimitChange:
    """One limit and what applying does (or did) to it."""

    name: str
    kind: ChangeKind
    differences: tuple[str, ...] = ()


def download_limits(site: str, limits: LimitSettings) -> Sequence[GlobalLimit]:
    """Return the limits that a download from the site takes a slot of."""
    own = limits_of(site, limits).downloads
    found = [] if limits.downloads is None else [GlobalLimit(name=DOWNLOADS, slots=limits.downloads)]
    return found if own is None else [*found, GlobalLimit(name=site_limit(site), slots=own)]


def pace_of(site: str, limits: LimitSettings) -> GlobalLimit | None:
    """Return the rate limit of the site; None when it has none."""
    per_minute = limits_of(site, limits).per_minute
    if per_minute is None:
        return None
    # One slot, so that requests are spread evenly and a quiet hour saves up no burst.
    return GlobalLimit(name=pace_limit(site), slots=1, per_second=per_minute / 60)


def declared_limits(limits: LimitSettings) -> Sequence[GlobalLimit]:
    """Return the limits whose names are known beforehand."""
    found = {limit.name: limit for site in limits.sites for limit in download_limits(site, limits)}
    found |= {pace.name: pace for site in limits.sites if (pace := pace_of(site, limits)) is not None}
    if limits.downloads is not None:
        found[DOWNLOADS] = GlobalLimit(name=DOWNLOADS, slots=limits.downloads)
    return sorted(found.values(), key=lambda limit: limit.name)


async def apply_declared_limits(limits: LimitSettings, *, dry_run: bool = False) -> Sequence[LimitChange]:
    """Make the server's limits what the settings say; return what was (or with `dry_run` would be) done.

    Limits of ours that the settings do not want any more are deleted; others are left alone, and a limit
    that a person switched off in the Prefect UI stays off. Slots that are taken stay taken.
    """
    there = await _existing()
    wanted = {limit.name: limit for limit in (*declared_limits(limits), *_met_before(there, limits))}
    changes = [_change(there.get(name), limit) for name, limit in sorted(wanted.items())]
    changes += [
        LimitChange(name=name, kind=ChangeKind.DELETE)
        for name in sorted(there)
        if _is_ours(name) and name not in wanted
    ]
    due = [change for change in changes if change.kind is not ChangeKind.KEEP]
    if due and not dry_run:
        await _carry_out(due, wanted)
    return changes


async def _carry_out(changes: Iterable[LimitChange], wanted: Mapping[str, GlobalLimit]) -> None:
    async with connected_client() as client:
        for change in changes:
            if change.kind is ChangeKind.DELETE:
                await client.delete_global_concurrency_limit_by_name(change.name)
            else:
                await write_limit(client, wanted[change.name])


async def apply_limits(limits: Iterable[GlobalLimit]) -> None:
    """Create or change just these limits on the server; slots that are taken stay taken."""
    async with connected_client() as client:
        for limit in limits:
            await write_limit(client, limit)


async def release_dead_leases(home: Path, *, only_killed: bool = False) -> Sequence[str]:
    """Give back the slots of runs that no living process owns; return the ids of their leases.

    For the embedded server only: without this a slot that a kill or a power cut left behind blocks
    until its lease runs out. Costs one look at a folder while no slot is taken. `only_killed` leaves
    runs alone that no process has begun yet, for use while runs are being started.
    """
    leases = list(_leases(home))
    if not leases:
        return []
    async with HttpApi() as api:
        released = []
        for lease, holder in leases:
            if not await _lives(api, home, holder, unowned=only_killed):
                path = "/v2/concurrency_limits/decrement-with-lease"
                await api.post(path, {"lease_id": lease}, repeatable=True)
                released.append(lease)
        return released


async def _existing() -> Mapping[str, GlobalLimit]:
    async with HttpApi() as api:
        found = await api.query_all("/v2/concurrency_limits/filter")
    return {
        one["name"]: GlobalLimit(
            name=one["name"], slots=one["limit"], per_second=one["slot_decay_per_second"] or 0.0
        )
        for one in found
    }


async def write_limit(client: PrefectClient, limit: GlobalLimit) -> None:
    """Create or change one limit; another process may be doing the same."""
    from prefect.exceptions import ObjectAlreadyExists  # noqa: PLC0415 - 1.3 s

    try:
        await client.upsert_global_concurrency_limit_by_name(limit.name, limit.slots, limit.per_second)
    except ObjectAlreadyExists:
        return  # somebody met the same site this moment


def _met_before(there: Iterable[str], limits: LimitSettings) -> Iterator[GlobalLimit]:
    """Yield what holds now for sites that the settings do not name and that have a limit already."""
    for name in there:
        if name.startswith(_SITE) and (site := name.removeprefix(_SITE)) not in limits.sites:
            yield from (limit for limit in download_limits(site, limits) if limit.name == name)
        elif name.startswith(_PACE) and (site := name.removeprefix(_PACE)) not in limits.sites:
            yield from filter(None, [pace_of(site, limits)])


def _is_ours(name: str) -> bool:
    return name == DOWNLOADS or name.startswith((_SITE, _PACE))


def _change(before: GlobalLimit | None, limit: GlobalLimit) -> LimitChange:
    if before is None:
        return LimitChange(name=limit.name, kind=ChangeKind.CREATE, differences=(str(limit),))
    if before.slots == limit.slots and abs(before.per_second - limit.per_second) < 1e-6:
        return LimitChange(name=limit.name, kind=ChangeKind.KEEP)
    return LimitChange(name=limit.name, kind=ChangeKind.UPDATE, differences=(f"{before} -> {limit}",))


def _leases(home: Path) -> Iterator[tuple[str, dict[str, str] | None]]:
    for file in sorted((home / LEASES).glob("????????-*.json")):
        try:
            content = json.loads(file.read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            continue  # given back this moment, or torn; a torn one runs out by itself
        yield file.stem, (content.get("metadata") or {}).get("holder")


async def _lives(api: HttpApi, home: Path, holder: dict[str, str] | None, *, unowned: bool) -> bool:
    """Whether the holder's process is alive; `unowned` is the answer where none ever said so."""
    if holder is None:
        return unowned
    flow_run_id: str | None = holder["id"]
    if holder["type"] == "task_run":
        run = await api.get(f"/task_runs/{holder['id']}")
        flow_run_id = None if run is None else run["flow_run_id"]
    owner = None if flow_run_id is None else owners.owner(home, flow_run_id)
    return unowned if owner is None else owner.alive
