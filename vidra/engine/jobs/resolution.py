"""From settings and a stored job to everything a run has to know: options, addresses, folders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vidra.datafiles import shipped
from vidra.engine.jobs.secrets import with_secrets
from vidra.engine.secret_store import configured_credentials
from vidra.errors import PathRefused
from vidra.media.addresses import NetworkPolicy
from vidra.media.options import (
    MediaOptions,
    OptionLayer,
    Origin,
    Preset,
    find_preset,
    load_presets,
    resolve_options,
)
from vidra.settings import Settings, SubscriptionSettings, load_secrets
from vidra.settings.inheritance import subscription
from vidra.settings.subscriptions import CookieUse
from vidra.state import State
from vidra.state.interface import Job

PARTIAL_FOLDER: Final = ".vidra-partial"
"""Unfinished files lie here, inside the target root, so that finishing is a rename."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ResolvedJob:
    """Everything a run has to know to work on a job."""

    options: MediaOptions
    network: NetworkPolicy
    root: Path
    """Folder that every file of this job stays below."""
    workdir: Path
    """Folder of the job's unfinished files; the same in every attempt, which is what resuming needs."""
    with_cookies: MediaOptions | None = None
    """The options once more, with the owner's cookies, for what is refused without; None: there are none."""


def resolve_job(job: Job, *, settings: Settings, state: State) -> ResolvedJob:
    """Return what a run of the job works with. Raises `OptionRefused` and `PathRefused`.

    The options are checked again, as the owner may have changed the configuration since.
    """
    stored = state.options.load(job.job_id)[1]
    given = with_secrets(job.job_id, stored, lambda: configured_credentials(settings))
    own = subscription_of(job.subscription, settings)
    options = resolve(given, preset=job.preset, settings=settings, own=own)
    root = target_root(options, settings)
    partial = settings.downloads.temp_dir or root / PARTIAL_FOLDER
    needed = own is not None and own.cookies.use is CookieUse.WHEN_NEEDED
    return ResolvedJob(
        options=options,
        network=network_policy(settings),
        root=root,
        workdir=partial / job.job_id,
        with_cookies=resolve(given, preset=job.preset, settings=settings, own=own, cookies=True)
        if needed
        else None,
    )


def subscription_of(name: str | None, settings: Settings) -> SubscriptionSettings | None:
    """Return the subscription with all it inherits; None for no name. Raises `UsageError`."""
    return None if name is None else subscription(name, settings.subscriptions)


def target_root(options: MediaOptions, settings: Settings) -> Path:
    """Return the folder that every file of a job with these options stays below.

    Raises `PathRefused` if state would lie in the library or the library in the state: what is shown to
    media servers must not hold our state, and no download may overwrite it (SEC-15).
    """
    root, data = options.home or settings.downloads.library, settings.storage.data_dir
    real_root, real_data = root.resolve(), data.resolve()
    if real_root.is_relative_to(real_data) or real_data.is_relative_to(real_root):
        raise PathRefused(root, data, "the library and Vidra's data folder must not lie in one another")
    return root


def resolve(
    options: Mapping[str, Any],
    *,
    preset: str | None,
    settings: Settings,
    own: SubscriptionSettings | None = None,
    cookies: bool = False,
) -> MediaOptions:
    """Merge preset, the owner's options and the job's. Raises `OptionRefused` and `UsageError`.

    `own` is the subscription the job works for: its options come after the owner's general ones. With
    `cookies` its cookies are used, unless that is `never`; without, only if that is `always`.
    """
    downloads = settings.downloads
    presets = all_presets(settings)
    chosen = [find_preset(presets, preset or (own.preset if own else None) or downloads.preset).layer]
    if own is not None and own.output_preset is not None:
        chosen.append(find_preset(presets, own.output_preset).layer)
    return resolve_options(
        OptionLayer(origin=Origin.OWNER, values={}, output=downloads.output),
        *chosen,
        OptionLayer(origin=Origin.OWNER, values=downloads.options),
        *([] if own is None else [_own_layer(own, cookies=cookies)]),
        OptionLayer(origin=Origin.JOB, values=options),
        allow=downloads.allow_options,
        roots=downloads.allowed_roots,
    )


def all_presets(settings: Settings) -> Mapping[str, Preset]:
    """Return the shipped presets and the owner's by name. Raises `ConfigError`."""
    own = {name: own.model_dump(exclude_unset=True) for name, own in settings.presets.items()}
    return load_presets(shipped("config") / "presets", own)


def _own_layer(own: SubscriptionSettings, *, cookies: bool) -> OptionLayer:
    """Return what a subscription says itself; how far its lists are read is among it."""
    use = own.cookies.use
    shown = use is CookieUse.ALWAYS or (cookies and use is CookieUse.WHEN_NEEDED)
    values = dict(own.options)
    if shown:
        values["cookiefile"] = str(own.cookies.file)
    if own.rules.lookback is not None:
        values.setdefault("playlist_items", f"1:{own.rules.lookback}")
    return OptionLayer(origin=Origin.OWNER, values=values, output=own.output)


def network_policy(settings: Settings) -> NetworkPolicy:
    """Return what the owner lets downloads connect to."""
    network = settings.network
    proxy = load_secrets().proxy
    return NetworkPolicy(
        allow_private=network.allow_private_addresses,
        exceptions=frozenset(_host_and_port(text) for text in network.allowed_addresses),
        proxy=proxy.get_secret_value() if proxy else network.proxy,
    )


def _host_and_port(text: str) -> tuple[str, int | None]:
    host, colon, port = text.rpartition(":")
    return (
        (host.strip("[]").lower(), int(port))
        if colon and port.isdigit()
        else (text.strip("[]").lower(), None)
    )
