"""Reads yt-dlp command-line flags that people paste, with yt-dlp's own parser.

Only the parser runs: no configuration file, plug-in or list file is read, nothing is asked for on the
terminal, and what the flags say goes through the same allow-list as everything else.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import Any

from vidra.errors import OptionRefused
from vidra.media.foreign import Foreign

_LONGEST = 4000  # characters; more is no command line that a person pasted


def read_flags(flags: object) -> dict[str, Any]:
    """Return the options that a string of flags, or a list of arguments, sets, by yt-dlp's names.

    Raises OptionRefused for flags that yt-dlp does not know, wrong arguments, and addresses.
    """
    return _parse(_arguments(flags))


def _arguments(flags: object) -> list[str]:
    try:
        given = shlex.split(flags) if isinstance(flags, str) else flags
    except ValueError as error:
        raise OptionRefused("cli", f"the quotes do not match: {error}", value=flags) from error
    if not isinstance(given, (list, tuple)) or not all(isinstance(part, str) for part in given):
        raise OptionRefused("cli", "expected a string of flags or a list of texts", value=flags)
    if sum(map(len, given)) > _LONGEST or any("\x00" in part for part in given):
        raise OptionRefused("cli", f"expected at most {_LONGEST} characters")
    return list(given)


def _parse(arguments: list[str]) -> dict[str, Any]:
    from yt_dlp.options import create_parser  # noqa: PLC0415 - costs 0.3 s, and most jobs have no flags

    parser: Foreign = create_parser()
    parser.error = parser.exit = _refuse
    parser.print_help = parser.print_version = _refuse
    given: set[str] = set()
    for option in _all_options(parser):
        _watch(option, given)
    try:
        values, addresses = parser.parse_args(arguments)
    except ValueError as error:
        raise OptionRefused("cli", str(error)) from error
    if addresses:
        raise OptionRefused(
            "cli",
            f"`{addresses[0]}` is not a flag",
            remedy="addresses go into `urls`; quote values with blanks",
        )
    return {name: getattr(values, name) for name in sorted(given)}


def _all_options(parser: Foreign) -> Iterable[Foreign]:
    yield from parser.option_list
    for group in parser.option_groups:
        yield from group.option_list


def _watch(option: Foreign, given: set[str]) -> None:
    """Remember what was really written: a flag may well repeat yt-dlp's default to override a preset."""
    process = option.process

    def watched(name: str, value: Foreign, values: Foreign, parser: Foreign) -> Foreign:
        if option.dest and not option.dest.startswith("_"):
            given.add(option.dest)
        elif option.action in ("help", "version"):
            _refuse(msg=f"{name} does not belong in a job")
        return process(name, value, values, parser)

    option.process = watched


def _refuse(status: object = 0, msg: object = None) -> None:
    reason = msg or (status if isinstance(status, str) else "it does not belong in a job")
    raise OptionRefused("cli", str(reason).strip())
