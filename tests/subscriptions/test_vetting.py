"""`vidra config validate` sees what one section says about another."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.shell import Shell
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


NAMED = """\
notifications:
  channels: {phone: {apprise: "secret:phone"}}
  pings:
    one: {success: https://hc.example.org/1}
    library-sync: {success: https://hc.example.org/2}
schedules:
  connection-scoring: {interval: 60}
subscriptions:
  base: {notifications: [phone]}
  one: {urls: https://example.org/a, notifications: [phone]}
"""


def test_names_of_channels_pings_and_schedules_that_are_there_are_sound(tmp_path: Path) -> None:
    """A ping is of a subscription or a deployment."""
    assert _findings(tmp_path, NAMED) == []


@pytest.mark.parametrize(
    ("right", "wrong", "line", "key", "meant"),
    [
        ("notifications: [phone]}\n", "notifications: [fone]}\n", 9,
         "subscriptions.base.notifications.0", "phone"),
        ("    one: {", "    onne: {", 4, "notifications.pings.onne", "one"),
        ("    one: {", "    base: {", 4, "notifications.pings.base", None),
        ("library-sync", "library-snyc", 5, "notifications.pings.library-snyc", "library-sync"),
        ("connection-scoring", "conection-scoring", 7, "schedules.conection-scoring", "connection-scoring"),
    ],
)  # fmt: skip
def test_names_that_nothing_has_are_found_with_their_line(
    tmp_path: Path, right: str, wrong: str, line: int, key: str, meant: str | None
) -> None:
    """Otherwise nobody would ever be told, and nobody would notice."""
    assert (line, key, meant) in _findings(tmp_path, NAMED.replace(right, wrong, 1))


def test_the_command_says_where_and_what_was_meant(shell: Shell) -> None:
    """One line a finding: file, line, key, what is expected, what was probably meant."""
    with shell.config.open("a", encoding="utf-8") as file:
        file.write(NAMED.replace("[phone]", "[fone]").replace("library-sync", "library-snyc"))
    shown = shell.run("config", "validate")
    found = json.loads(shell.run("config", "validate", "--json").stdout)
    assert shown.returncode == 2
    assert "did you mean `phone`?" in shown.stdout
    assert "notifications.pings.library-snyc" in shown.stdout
    assert found["valid"] is False
    assert {one["suggestion"] for one in found["problems"]} == {"phone", "library-sync"}
    assert all(one["line"] for one in found["problems"])
