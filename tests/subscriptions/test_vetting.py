"""`vidra config validate` sees what one section says about another."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidra.engine.jobs.vetting import vet
from vidra.settings.loading import resolve_settings


def _findings(tmp_path: Path, text: str) -> list[tuple[int | None, str, str | None]]:
    file = tmp_path / "vidra.yaml"
    file.write_text(text, encoding="utf-8")
    return [
        (one.line, one.key_path, one.suggestion) for one in vet(resolve_settings(config=file, environ={}))
    ]


SOUND = """\
downloads: {preset: talks}
presets:
  talks: {extends: best-video, options: {format_sort: ["res:720"]}}
subscriptions:
  base: {rules: {after: 30 days}, schedule: {cron: "0 4 * * *"}}
  one: {urls: https://example.org/a, extends: base, preset: talks, output_preset: archive}
"""


def test_a_sound_configuration_has_no_findings(tmp_path: Path) -> None:
    """Every name it uses is declared or ships."""
    assert _findings(tmp_path, SOUND) == []


@pytest.mark.parametrize(
    ("wrong", "line", "key", "meant"),
    [
        ("preset: talks}", 1, "downloads.preset", "talks"),
        ("extends: best-video", 3, "presets.talks.extends", "best-video"),
        ("format_sort", 3, "presets.talks.options.format_sor", "format_sort"),
        ("extends: base", 6, "subscriptions.one.extends", "base"),
        ("preset: talks, o", 6, "subscriptions.one.preset", "talks"),
        ("output_preset: archive", 6, "subscriptions.one.output_preset", "archive"),
    ],
)
def test_a_misspelt_name_is_found_with_its_line(
    tmp_path: Path, wrong: str, line: int, key: str, meant: str
) -> None:
    """What was meant is told."""
    misspelt = SOUND.replace(wrong, wrong.replace(meant, meant[:-1]))

    assert (line, key, meant) in _findings(tmp_path, misspelt)


def test_a_schedule_without_a_time_and_cookies_that_are_not_there_are_found(tmp_path: Path) -> None:
    """Both would only fail at night."""
    text = (
        "subscriptions:\n  one:\n    urls: https://example.org/a\n    schedule: {jitter: 3}\n"
        "    cookies: {use: always, file: /nowhere/cookies.txt}\n"
    )

    found = _findings(tmp_path, text)
    assert [(line, key) for line, key, _ in found] == [
        (4, "subscriptions.one.schedule"),
        (5, "subscriptions.one.cookies.file"),
    ]
