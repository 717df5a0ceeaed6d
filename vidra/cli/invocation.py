"""What the options before the command say; every command reads them from here."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from enum import IntEnum, unique
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import typer

    from vidra.settings import Settings
    from vidra.state import State


@unique
class Verbosity(IntEnum):
    """How much a command tells besides its result."""

    QUIET = -1
    NORMAL = 0
    VERBOSE = 1
    DEBUG = 2

    @property
    def log_level(self) -> int:
        """The level for the standard logging module."""
        return {-1: logging.ERROR, 0: logging.WARNING, 1: logging.INFO, 2: logging.DEBUG}[self.value]


@dataclass(frozen=True, kw_only=True, slots=True)
class Invocation:
    """The global options of this run."""

    config: Path | None = None
    data_dir: Path | None = None
    verbosity: Verbosity = Verbosity.NORMAL
    debug: bool = False

    @classmethod
    def of(cls, ctx: typer.Context) -> Self:
        """Return what the root command stored, or the defaults when a group runs on its own."""
        found = ctx.find_object(cls)
        return cls() if found is None else found

    def overriding(self, *, config: Path | None = None, quiet: bool = False) -> Self:
        """Return a copy with what was said again after the command's name."""
        return replace(
            self, config=config or self.config, verbosity=Verbosity.QUIET if quiet else self.verbosity
        )

    @property
    def overrides(self) -> dict[str, object]:
        """Settings given on the command line, by dotted key."""
        return {} if self.data_dir is None else {"storage.data_dir": self.data_dir}

    def environment(self) -> dict[str, str]:
        """Return variables with which another process loads the same settings."""
        from vidra.settings import settings_environment  # noqa: PLC0415 - as below

        return settings_environment(config=self.config, overrides=self.overrides)

    def settings(self) -> Settings:
        """Load the settings as these options say; raises `ConfigError`."""
        from vidra.settings import load_settings  # noqa: PLC0415 - `vidra --help` must not import pydantic

        return load_settings(config=self.config, overrides=self.overrides)

    def state(self) -> State:
        """Open the state in the configured data folder; raises `ConfigError` and `StateError`."""
        from vidra.state import open_configured_state  # noqa: PLC0415 - as above

        return open_configured_state(self.settings().storage)
