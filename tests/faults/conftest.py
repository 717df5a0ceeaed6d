"""A person's machine on which things go wrong: the program as processes, and a look into its Prefect."""

from __future__ import annotations

from tests.cli.conftest import new_shell, shell

__all__ = ["new_shell", "shell"]
