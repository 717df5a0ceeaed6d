"""The configuration: which file is used, and everything that is wrong in it."""

from __future__ import annotations

from vidra.cli.checks.finding import Finding, error, ok
from vidra.cli.invocation import Invocation
from vidra.errors import ConfigError
from vidra.settings import Settings, find_config


def check_configuration(invocation: Invocation) -> tuple[Settings | None, list[Finding]]:
    """Return the settings, or None and an error for each problem."""
    try:
        file = find_config(invocation.config)
        settings = invocation.settings()
    except ConfigError as wrong:
        remedy = "`vidra config validate` checks the file again"
        return None, [error("configuration", str(problem), remedy) for problem in wrong.problems]
    return settings, [ok("configuration", str(file) if file else "no file, defaults apply")]
