from __future__ import annotations

from pathlib import Path

import pytest

from vidra.cli.reference import Page, cli_reference, pages

DOCS = Path(__file__).parents[2] / "docs" / "cli.md"


def test_the_reference_is_not_stale() -> None:
    """`python -m vidra.cli.reference > docs/cli.md` writes it anew."""
    assert DOCS.read_text(encoding="utf-8") == cli_reference()


@pytest.mark.parametrize("page", list(pages()), ids=lambda page: page.path)
def test_every_command_and_every_option_has_help(page: Page) -> None:
    """A name alone explains nothing."""
    assert page.command.help
    assert [p.name for p in page.command.params if not getattr(p, "help", None)] == []


@pytest.mark.parametrize("page", list(pages()), ids=lambda page: page.path)
def test_help_ends_like_a_sentence(page: Page) -> None:
    """The first line stands alone in lists of commands."""
    assert (page.command.help or "").splitlines()[0].endswith(".")
