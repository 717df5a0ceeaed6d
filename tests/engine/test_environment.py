"""The variables that Vidra gives every process it starts."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from vidra.engine.credentials import auth_string
from vidra.engine.environment import applied, child_environment, prefect_environment
from vidra.errors import EngineError
from vidra.redaction import redact


def _environment(home: Path = Path("/nowhere")) -> dict[str, str]:
    return prefect_environment(home=home, auth="vidra:made-up-password", history_days=14)


def test_every_variable_is_a_setting_this_prefect_knows() -> None:
    """A renamed setting would be ignored in silence; here it is found."""
    from prefect.settings.legacy import _get_settings_fields
    from prefect.settings.models.root import Settings as PrefectSettings

    known = {name.upper() for name in _get_settings_fields(PrefectSettings)}
    of_logging_yml = {"PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"}
    unknown = _environment().keys() - known - of_logging_yml - {"DO_NOT_TRACK"}

    assert not unknown


def test_prefect_takes_every_value_as_meant(home: Path) -> None:
    """What Prefect makes of the variables is what Vidra promises: closed, quiet, bounded."""
    with applied(_environment(home)):
        from prefect.settings import get_current_settings

        server = get_current_settings().server
        assert server.api.auth_string is not None
        assert server.api.auth_string.get_secret_value() == "vidra:made-up-password"
        assert server.api.csrf_protection_enabled
        assert server.api.cors_allowed_origins == "https://closed.invalid"
        assert server.api.host == "127.0.0.1"
        assert not server.analytics_enabled
        assert not server.ephemeral.enabled
        assert server.services.db_vacuum.enabled_vacuum_types >= {"events", "flow_runs"}
        assert server.services.db_vacuum.retention_period.days == 14
        assert server.events.retention_period.days == 14
        assert server.concurrency.lease_storage.endswith("filesystem")


def test_no_telemetry_leaves_a_process_of_ours() -> None:
    """The three switches against telemetry are always there."""
    environment = _environment()

    assert environment["DO_NOT_TRACK"] == "1"
    assert environment["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert environment["PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS"] == "false"


def test_a_childs_environment_holds_no_foreign_prefect_settings() -> None:
    """A person's own Prefect and ours do not mix; everything else is inherited."""
    theirs = {
        "PREFECT_API_KEY": "theirs",
        "PREFECT_PROFILE": "cloud",
        "PREFECT_HOME": "/theirs",
    }

    child = child_environment(_environment(), base={"PATH": "/bin"} | theirs)

    assert child["PATH"] == "/bin"
    assert child["PREFECT_HOME"] == "/nowhere"
    assert not {"PREFECT_API_KEY", "PREFECT_PROFILE"} & child.keys()


def test_an_applied_environment_is_taken_back(home: Path) -> None:
    """After the context everything is as before, even what was removed inside."""
    before = dict(os.environ)

    with applied(_environment(home)):
        assert os.environ["PREFECT_HOME"] == str(home)

    assert dict(os.environ) == before


def test_the_password_is_made_once_and_nobody_else_can_read_it(home: Path) -> None:
    """The file is 0600 in a 0700 folder, stable, and masked in every text."""
    text = auth_string(home)

    assert auth_string(home) == text
    assert stat.S_IMODE((home / "auth").stat().st_mode) == 0o600
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert text.partition(":")[2] not in redact(f"refused: {text}")


def test_a_password_that_others_can_read_is_refused(home: Path) -> None:
    """The message names the file and the remedy."""
    auth_string(home)
    (home / "auth").chmod(0o644)

    with pytest.raises(EngineError, match=r"chmod 600"):
        auth_string(home)


def test_the_engine_room_can_be_imported_without_prefect() -> None:
    """The modules the command line needs early bring no Prefect along (1.3 s)."""
    code = (
        "import sys\n"
        "from vidra.engine.lifecycle import private, server, serve\n"
        "assert 'prefect' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
