"""The Prefect settings that Vidra gives itself and every process it starts.

Prefect reads its settings when it is imported, from the environment first. So they are made here,
without Prefect, and applied before anything imports it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from vidra.engine.credentials import auth_string
from vidra.settings import Settings, load_secrets

_NO_ORIGIN: Final = "https://closed.invalid"
"""RFC 2606: never a real origin. Prefect's default is `*`, an empty value counts as not set."""

_FOREIGN: Final = ("PREFECT_",)
_KEPT: Final = frozenset({"PREFECT_API_TLS_INSECURE_SKIP_VERIFY", "PREFECT_API_SSL_CERT_FILE"})

_FIXED: Final = {
    # No telemetry. DO_NOT_TRACK covers the client, the second the server, the third the resource probes.
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    # Nobody but us (GHSA-4hh5-2678-83fx, CVE-2024-8183): loopback, no other origin, no forged requests.
    "PREFECT_SERVER_API_HOST": "127.0.0.1",
    "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": _NO_ORIGIN,
    "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true",
    "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "true",
    # Without an address Prefect would start a server of its own behind our back.
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
    # Leases in memory are forgotten in a power cut while the slots they hold are not.
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    # A probe every 30 s must not fill the disk; by default only events are deleted.
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
    # Run logs go to the server in full; a terminal belongs to Vidra's own display.
    "PREFECT_LOGGING_LEVEL": "INFO",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    "PREFECT_LOGGING_COLORS": "false",
    "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
    "PREFECT_CLI_PROMPT": "false",
    # A worker of ours is woken every second; Prefect's own default is 10 s.
    "PREFECT_WORKER_QUERY_SECONDS": "1",
    # House-keeping that nobody waits for: every 5 s by default, most of what an idle server costs.
    "PREFECT_SERVER_SERVICES_LATE_RUNS_LOOP_SECONDS": "30",
    "PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_LOOP_SECONDS": "60",
    "PREFECT_SERVER_SERVICES_CLEANUP_RECONCILER_LOOP_SECONDS": "30",
}


def prefect_environment(
    *, home: Path, auth: str | None, history_days: int, api_url: str | None = None, ui: bool = False
) -> dict[str, str]:
    """Return the complete set of variables; pure.

    `home` is the folder of the server's database, `auth` is `user:password` or None for a server
    without one, `api_url` ends in `/api`. Without an `api_url` clients refuse to work, by intention.
    """
    environment = _FIXED | {
        "PREFECT_HOME": str(home),
        "PREFECT_PROFILES_PATH": str(home / "profiles.toml"),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{home / 'prefect.db'}",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(history_days * 86_400),
        "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": f"P{history_days}D",
        "PREFECT_SERVER_UI_ENABLED": str(ui).lower(),
        # Prefect copies the UI next to its code by default, where we may not be allowed to write.
        "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(home / "ui"),
    }
    if auth is not None:
        environment |= {"PREFECT_SERVER_API_AUTH_STRING": auth, "PREFECT_API_AUTH_STRING": auth}
    if api_url is not None:
        environment["PREFECT_API_URL"] = api_url
    return environment


def embedded_environment(settings: Settings, *, ui: bool = False) -> dict[str, str]:
    """Return the variables for the embedded server of these settings; makes its password if need be."""
    home = settings.storage.prefect_home
    return prefect_environment(
        home=home, auth=auth_string(home), history_days=settings.engine.history_days, ui=ui
    ) | {
        # Server and clients are of one installation, so nobody needs to ask for the other's version.
        "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",
        "PREFECT_API_SSL_CERT_FILE": str(_one_authority(home)),
    }


def _one_authority(home: Path) -> Path:
    """Return a file with one certificate authority, made if need be.

    Every Prefect client loads its authorities even for plain HTTP on loopback, where none is ever asked:
    35 ms for all of them, three times in each run.
    """
    file = home / "authority.pem"
    if not file.exists():
        import certifi  # noqa: PLC0415 - once in the life of a data folder

        first, end, _ = certifi.contents().partition("-----END CERTIFICATE-----")
        aside = file.with_suffix(f".{os.getpid()}")
        aside.write_text(f"{first}{end}\n", "utf-8")
        aside.replace(file)
    return file


def remote_environment(settings: Settings, *, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the variables for the owner's own server, `engine.api_url`; nothing is started or made."""
    secret = load_secrets(environ=environ).prefect_auth
    return prefect_environment(
        home=settings.storage.prefect_home,
        auth=None if secret is None else secret.get_secret_value(),
        history_days=settings.engine.history_days,
        api_url=str(settings.engine.api_url),
    )


def child_environment(ours: Mapping[str, str], *, base: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment of a child: `base` without other people's Prefect settings, plus ours.

    A `PREFECT_API_KEY`, profile or database address of the person's own Prefect must not reach our
    server, nor ours theirs.
    """
    kept = {key: value for key, value in base.items() if not key.startswith(_FOREIGN) or key in _KEPT}
    return kept | dict(ours)


@contextmanager
def applied(ours: Mapping[str, str]) -> Iterator[None]:
    """Make this very process use the variables; on leaving, everything is as it was.

    Enter before Prefect is imported. If it already is, its global settings are read again.
    """
    before = dict(os.environ)
    _become(child_environment(ours, base=before))
    try:
        yield
    finally:
        _become(before)


def refresh_prefect() -> None:
    """Have an already imported Prefect read the environment again; without one, do nothing."""
    if "prefect.context" in sys.modules:
        from prefect.context import refresh_global_settings_context  # noqa: PLC0415 - 1.3 s

        refresh_global_settings_context()


def _become(environment: Mapping[str, str]) -> None:
    for key in os.environ.keys() - environment.keys():
        del os.environ[key]
    os.environ.update(environment)
    refresh_prefect()
