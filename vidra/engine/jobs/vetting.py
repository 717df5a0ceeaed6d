"""Checks what one section of the configuration says about another: presets, options, names, schedules."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from vidra.engine.deployments.declared import declared_deployments
from vidra.engine.jobs.resolution import all_presets, resolve
from vidra.errors import ConfigError, ConfigProblem, OptionRefused, UsageError
from vidra.media.options import OptionLayer, Origin, find_preset, resolve_options
from vidra.settings import ScheduleSettings
from vidra.settings.inheritance import runnable, subscription
from vidra.settings.layers import problem
from vidra.settings.loading import Resolution

_MEANT: Final = "did you mean `"
Path = tuple[str, ...]


def vet(resolution: Resolution) -> list[ConfigProblem]:
    """Return every finding, with file and line; none for a sound configuration."""
    found = [
        *_presets(resolution),
        *_option_maps(resolution),
        *_subscriptions(resolution),
        *_deployments(resolution),
    ]
    once = {(one.source, one.line or 0, one.key_path, one.expected): one for one in found}
    return [once[key] for key in sorted(once)]


def _presets(resolution: Resolution) -> Iterator[ConfigProblem]:
    try:
        presets = all_presets(resolution.settings)
    except ConfigError as error:
        for one in error.problems:
            path = tuple(one.key_path.split("."))
            yield _at(resolution, path, one.value, one.expected, one.suggestion)
        return
    path = ("downloads", "preset")
    name = resolution.settings.downloads.preset
    yield from _unknown_preset(resolution, path, name, presets)


def _option_maps(resolution: Resolution) -> Iterator[ConfigProblem]:
    settings = resolution.settings
    maps: dict[Path, Mapping[str, Any]] = {("downloads", "options"): settings.downloads.options}
    maps |= {("presets", name, "options"): one.options for name, one in settings.presets.items()}
    maps |= {("subscriptions", name, "options"): one.options for name, one in settings.subscriptions.items()}
    for path, options in maps.items():
        for name, value in options.items():
            yield from _refusal(resolution, (*path, name), value, {name: value})
    for name in settings.downloads.allow_options:
        try:
            resolve_options(allow=[name])
        except OptionRefused as refused:
            yield _refused(resolution, ("downloads", "allow_options"), name, refused)


def _subscriptions(resolution: Resolution) -> Iterator[ConfigProblem]:
    for name in resolution.settings.subscriptions:
        yield from _subscription(resolution, name)


def _subscription(resolution: Resolution, name: str) -> Iterator[ConfigProblem]:
    settings, here = resolution.settings, ("subscriptions", name)
    declared = settings.subscriptions[name]
    try:
        own = subscription(name, settings.subscriptions)
    except UsageError as error:
        near = _near(str(declared.extends), settings.subscriptions)
        reason = str(error).partition(";")[0]
        yield _at(resolution, (*here, "extends"), declared.extends, reason, near)
        return
    try:
        presets = all_presets(settings)
    except ConfigError:
        return  # told already
    for key in ("preset", "output_preset"):
        if (wanted := getattr(declared, key)) is not None:
            yield from _unknown_preset(resolution, (*here, key), wanted, presets)
    if own.schedule is not None and own.schedule.active and _has_no_time(own.schedule):
        yield _at(resolution, (*here, "schedule"), None, "expected `cron` or `interval`")
    yield from _channels(resolution, (*here, "notifications"), declared.notifications or ())
    file = declared.cookies.file
    if file is not None and not file.is_file():
        yield _at(resolution, (*here, "cookies", "file"), str(file), "expected a cookie file that is there")
    yield from _together(resolution, name)


def _together(resolution: Resolution, name: str) -> Iterator[ConfigProblem]:
    """Check options that are sound each by itself and make no sense together."""
    settings = resolution.settings
    own = subscription(name, settings.subscriptions)
    try:
        resolve({}, preset=None, settings=settings, own=own, cookies=True)
    except OptionRefused as refused:
        if refused.key == "preset" or refused.key in own.options:
            return  # told already
        path = ("subscriptions", name)
        yield _at(resolution, path, refused.key, f"expected sound options: {refused}")


def _channels(resolution: Resolution, path: Path, names: Iterable[str]) -> Iterator[ConfigProblem]:
    known = resolution.settings.notifications.channels
    for index, name in enumerate(names):
        if name not in known:
            there = ", ".join(f"`{one}`" for one in sorted(known)) or "none yet"
            expected = f"expected a name of `notifications.channels`: {there}"
            place = resolution.place(path)
            yield problem(place, (*path, str(index)), name, expected, _near(name, known))


def _deployments(resolution: Resolution) -> Iterator[ConfigProblem]:
    """Check schedules, and that every ping is of something that runs."""
    settings = resolution.settings
    try:
        deployed = [one.name for one in declared_deployments(settings)]
    except ConfigError as error:
        for one in error.problems:
            if one.key_path.startswith("schedules."):
                path = tuple(one.key_path.split("."))
                yield _at(resolution, path, one.value, one.expected, one.suggestion)
        return  # what is wrong with subscriptions is told already
    known = [*runnable(settings.subscriptions), *deployed]
    for name in settings.notifications.pings:
        if name not in known:
            expected = f"expected a subscription with `urls` or a deployment: {', '.join(sorted(known))}"
            yield _at(resolution, ("notifications", "pings", name), name, expected, _near(name, known))


def _unknown_preset(
    resolution: Resolution, path: Path, name: str, presets: Mapping[str, Any]
) -> Iterator[ConfigProblem]:
    try:
        find_preset(presets, name)
    except OptionRefused:
        expected = f"expected one of {', '.join(f'`{one}`' for one in sorted(presets))}"
        yield _at(resolution, path, name, expected, _near(name, presets))


def _refusal(
    resolution: Resolution, path: Path, value: object, options: Mapping[str, Any]
) -> Iterator[ConfigProblem]:
    try:
        resolve_options(OptionLayer(origin=Origin.OWNER, values=options))
    except OptionRefused as refused:
        yield _refused(resolution, path, value, refused)


def _refused(resolution: Resolution, path: Path, value: object, refused: OptionRefused) -> ConfigProblem:
    hint = refused.remedy or ""
    near = hint.removeprefix(_MEANT).rstrip("`?") if hint.startswith(_MEANT) else None
    return _at(resolution, path, value, re.split(r"[,;] got ", refused.reason)[0], near)


def _has_no_time(schedule: ScheduleSettings) -> bool:
    return schedule.cron is None and schedule.interval is None


def _at(
    resolution: Resolution, path: Path, value: object, expected: str, near: str | None = None
) -> ConfigProblem:
    return problem(resolution.place(path), path, value, expected, near)


def _near(name: str, known: Iterable[str]) -> str | None:
    return next(iter(difflib.get_close_matches(name, list(known), n=1)), None)
