"""Writes the reference of download options for people: docs/options.md is what this returns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from vidra.media.options.option import Access, Option
from vidra.media.options.table import ROWS

_INTRO = """# Download options

Options go into `options` of a job, into `downloads.options` and into presets of the configuration, or
behind `--option name=value`. Names are free in spelling: `embed_subs`, `embed-subs` and `embedSubs` are
one. yt-dlp's own command-line flags may be given as they are in `cli` (a text) or `cli_args` (a list);
the same rules apply.

<!-- Generated: `python -m tests.media.test_option_policy` writes it, and a test fails when it is stale. -->
"""


def options_reference() -> str:
    """Return the whole page as Markdown."""
    return "\n".join([_INTRO, *(line for access in Access for line in _section(access))])


def _section(access: Access) -> Iterator[str]:
    rows = [row for row in ROWS if row.access is access]
    yield f"## {_title(access)}"
    yield ""
    if access in (Access.ALLOWED, Access.OWNER):
        yield (
            "| Option | Also called | Accepts |" if access is Access.ALLOWED else "| Option | Accepts | Why |"
        )
        yield "|---|---|---|"
    else:
        yield "| Option | Why |"
        yield "|---|---|"
    yield from (_line(row) for row in rows)
    yield ""


def _title(access: Access) -> str:
    match access:
        case Access.ALLOWED:
            return "For everybody"
        case Access.OWNER:
            return "The owner's: in his configuration, or in jobs if `downloads.allow_options` names them"
        case Access.IGNORED:
            return "Accepted and left unused"
        case Access.NEVER:
            return "Refused"
        case _:
            assert_never(access)


def _line(row: Option) -> str:
    also = ", ".join([*(f"`{name}`" for name in row.also), *(f"not `{name}`" for name in row.inverse)])
    names = ", ".join(f"`{name}`" for name in (row.name, *row.also))
    accepts, reason = _cell(row.kind.accepts), _cell(row.reason)
    match row.access:
        case Access.ALLOWED:
            return f"| `{row.name}` | {also} | {accepts} |"
        case Access.OWNER:
            return f"| {names} | {accepts} | {reason} |"
        case Access.IGNORED:
            return f"| {names} | {reason} |"
        case Access.NEVER:
            return f"| {names} | {reason}{f'; {_cell(row.remedy)}' if row.remedy else ''} |"
        case _:
            assert_never(row.access)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
