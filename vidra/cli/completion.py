"""Shell completion: the scripts, and what stands behind a Tab for ids and names of ours."""

from __future__ import annotations

from enum import StrEnum, unique

import typer
from typer import completion


@unique
class Shell(StrEnum):
    """Shells that completion is written for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"
    POWERSHELL = "powershell"
    PWSH = "pwsh"


def show_completion(ctx: typer.Context, param: typer.CallbackParam, shell: Shell | None) -> None:
    """Print the script that makes the shell ask `vidra` on Tab, and leave."""
    completion.show_callback(ctx, param, shell)


def install_completion(ctx: typer.Context, param: typer.CallbackParam, shell: Shell | None) -> None:
    """Write the script where the shell looks for it, hook it into the start-up file, and leave."""
    completion.install_callback(ctx, param, shell)
