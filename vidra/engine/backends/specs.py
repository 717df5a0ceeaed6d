"""Turns what the owner declared under `backends:` into what the supervisor runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vidra.engine.backends.secret_values import BackendSecrets
from vidra.settings import Settings
from vidra.settings.backends import BackendSettings
from vidra.supervisor.interface import BackendSpec, HealthSpec, PortHandover, PortSpec, Timings


def backend_specs(settings: Settings, secrets: BackendSecrets) -> Sequence[BackendSpec]:
    """Return one spec for each declared back end, in the order of their declaration."""
    return [
        replace(_spec(name, declared, settings), reveal=secrets.reveal_for(name))
        for name, declared in settings.backends.items()
    ]


def _spec(name: str, declared: BackendSettings, settings: Settings) -> BackendSpec:
    values = {"{data_dir}": str(settings.storage.data_dir), "{name}": name}
    return BackendSpec(
        name=name,
        command=_filled(declared.command, values),
        cwd=declared.cwd,
        env={key: _fill(value, values) for key, value in declared.env.items()},
        isolated=declared.isolated,
        autostart=declared.autostart,
        port=_port(declared),
        health=_health(declared),
        shutdown_path=declared.shutdown,
        restart_command=_filled(declared.restart_command, values),
        restart_timeout=declared.restart_timeout,
        ends_with_supervisor=declared.ends_with_vidra,
        log_file=declared.log_file,
        timings=_timings(declared),
    )


def _port(declared: BackendSettings) -> PortSpec | None:
    if declared.port is None:
        return None
    return PortSpec(
        fixed=None if declared.port == "auto" else declared.port,
        first=declared.first_port,
        last=declared.last_port,
        host=declared.host,
        argument=declared.port_argument,
        variable=declared.port_variable,
        handover=PortHandover(declared.port_handover.value),
    )


def _health(declared: BackendSettings) -> HealthSpec | None:
    if declared.health is None:
        return None
    return HealthSpec(
        url=declared.health,
        timeout=declared.health_timeout,
        require_instance=declared.require_instance,
        expect=declared.health_expect,
        headers=declared.health_headers,
    )


def _timings(declared: BackendSettings) -> Timings:
    return Timings(
        startup_poll=declared.startup_poll,
        startup_limit=declared.startup_limit,
        settle=declared.startup_poll,
        extension=declared.startup_extension,
        steady_poll=declared.interval,
        reconnect_tries=declared.reconnect_tries,
        reconnect_poll=declared.reconnect_interval,
        restart_delay=declared.restart_delay,
        crash_limit=declared.crash_limit,
        crash_window=declared.crash_window,
        shutdown_grace=declared.shutdown_grace,
        term_grace=declared.term_grace,
    )


def _filled(command: tuple[str, ...] | None, values: dict[str, str]) -> tuple[str, ...] | None:
    return None if command is None else tuple(_fill(argument, values) for argument in command)


def _fill(text: str, values: dict[str, str]) -> str:
    for key, value in values.items():
        text = text.replace(key, value)
    return text
