"""What is accepted without asking yt-dlp is what yt-dlp accepts."""

from __future__ import annotations

import subprocess
import sys

import pytest

from vidra.media.grammar import grammar, is_plain_selection, is_plain_template

_SUBMIT = """
import sys
from vidra.engine.jobs.resolution import resolve
from vidra.settings import load_settings
settings = load_settings(environ={})
asked = {"format": "bv*+ba/b", "output": "%(uploader)s/%(title).100B.%(ext)s"}
for preset in (None, "best-audio"):
    resolve(asked, preset=preset, settings=settings)
print("yt_dlp" in sys.modules)
"""
_WARM = """
import re, threading
from vidra.media.warm import warm_up
warm_up()
from vidra.media.extractors import first_suitable
made, compiled = re._compiler.compile, []
re._compiler.compile = lambda pattern, flags=0: compiled.append(pattern) or made(pattern, flags)
print(first_suitable("https://elsewhere.invalid/page/1"), len(compiled), threading.active_count())
"""


@pytest.mark.parametrize(
    "selection", ["best", "bv*+ba/b", "bestvideo*+bestaudio/best", "wa*/w+wv", "bestaudio/best"]
)
def test_a_plain_selection_is_one_for_yt_dlp_too(selection: str) -> None:
    """It is built by yt-dlp without complaint."""
    assert is_plain_selection(selection)
    assert grammar().build_format_selector(selection)


@pytest.mark.parametrize("selection", ["", "best[", "bestest", "+best", "best//", "best[height>5]", "best\n"])
def test_any_other_selection_is_left_to_yt_dlp(selection: str) -> None:
    """Right or wrong: only what is beyond doubt is recognised."""
    assert not is_plain_selection(selection)


@pytest.mark.parametrize(
    "template", ["%(title)s [%(id)s].%(ext)s", "%(uploader)s/%(title).100B.%(ext)s", "plain"]
)
def test_a_plain_template_is_one_for_yt_dlp_too(template: str) -> None:
    """Validated by yt-dlp without complaint."""
    assert is_plain_template(template)
    assert grammar().validate_outtmpl(template) is None


@pytest.mark.parametrize("template", ["", "100%", "%(title)", "%(title)d", "%(a,b)s", "%s", "%%"])
def test_any_other_template_is_left_to_yt_dlp(template: str) -> None:
    """The same for templates."""
    assert not is_plain_template(template)


def test_a_plain_request_is_checked_without_importing_yt_dlp() -> None:
    """The command line checks a request in milliseconds."""
    answer = subprocess.run([sys.executable, "-c", _SUBMIT], check=True, capture_output=True, text=True)

    assert answer.stdout.strip() == "False"


def test_warming_up_compiles_the_address_patterns_and_starts_no_thread() -> None:
    """What is forked afterwards need not do it, and a fork of a process with threads could hang."""
    answer = subprocess.run([sys.executable, "-c", _WARM], check=True, capture_output=True, text=True)

    assert answer.stdout.split() == ["Generic", "0", "1"]
