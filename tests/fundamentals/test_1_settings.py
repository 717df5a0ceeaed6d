"""First idea: YAML says what should be, the environment overrides it, and mistakes are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidra.errors import ConfigError
from vidra.settings import load_settings


def test_every_key_has_a_default() -> None:
    """An empty configuration is a working one."""
    settings = load_settings(environ={})

    assert settings.downloads.preset == "best-video"


def test_the_environment_beats_the_file(tmp_path: Path) -> None:
    """`VIDRA_<SECTION>__<KEY>` is how containers are configured."""
    file = tmp_path / "vidra.yaml"
    file.write_text("downloads: {preset: archive, concurrency: 2}\n", encoding="utf-8")

    settings = load_settings(config=file, environ={"VIDRA_DOWNLOADS__CONCURRENCY": "3"})

    assert (settings.downloads.preset, settings.downloads.concurrency) == ("archive", 3)


def test_a_mistake_is_named_with_file_line_and_remedy(tmp_path: Path) -> None:
    """Nobody should have to guess which key was meant."""
    file = tmp_path / "vidra.yaml"
    file.write_text("downloads:\n  concurency: 2\n", encoding="utf-8")

    with pytest.raises(
        ConfigError, match=r"vidra\.yaml:2: downloads\.concurency: .*did you mean `downloads\.concurrency`"
    ):
        load_settings(config=file, environ={})
