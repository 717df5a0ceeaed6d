from __future__ import annotations

import inspect
from enum import EnumType
from pathlib import Path

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

import vidra.settings
from vidra.settings import DownloadSettings, Settings, StorageSettings
from vidra.settings.constraints import CronText
from vidra.settings.keys import all_keys


def test_exported_members_are_sorted_and_complete() -> None:
    """`__all__` is what the package offers: every model, choice and function made in the room."""
    assert vidra.settings.__all__ == sorted(vidra.settings.__all__)
    public = {
        name
        for name, member in vars(vidra.settings).items()
        if not name.startswith("_")
        and (inspect.isfunction(member) or isinstance(member, EnumType | type(BaseModel)))
        and member.__module__.startswith("vidra.settings")
    }
    assert public == set(vidra.settings.__all__)


def test_settings_built_by_hand_read_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`Settings()` ignores environment and files; only `load_settings` reads them."""
    monkeypatch.setenv("VIDRA_SERVER_PORT", "1")
    monkeypatch.chdir(tmp_path)
    Path("vidra.yaml").write_text("server: {port: 2}")
    assert Settings().server.port == 59666


def test_settings_cannot_be_changed() -> None:
    """Sections are frozen: a change is a new value."""
    settings = Settings()
    with pytest.raises(ValidationError, match="frozen"):
        settings.server.port = 1  # type: ignore[misc]  # the very thing that must fail


def test_every_key_has_a_description_that_is_a_sentence() -> None:
    """Editors, the default file and the reference show it."""
    bad = [key.dotted for key in all_keys() if not key.description.endswith(".") or len(key.description) < 15]
    assert bad == []


def test_state_files_lie_in_the_data_folder() -> None:
    """The file names of the state are fixed; only their folder is configured."""
    storage = StorageSettings(data_dir=Path("/data"))
    assert storage.health_file == Path("/data/health.json")
    files = [
        getattr(storage, name)
        for name, member in vars(StorageSettings).items()
        if isinstance(member, property)
    ]
    assert len(set(files)) == len(files) == 4
    assert all(file.parent == Path("/data") for file in files)


def test_status_and_log_file_follow_the_data_folder_unless_set() -> None:
    """The Vidra client passes both; without it they lie beside the state."""
    settings = Settings(storage=StorageSettings(data_dir=Path("/data")))
    assert settings.status_file == Path("/data/startup_status.json")
    assert settings.log_file == Path("/data/release_logs.txt")


def test_allowed_roots_begin_with_the_library_and_name_each_folder_once() -> None:
    """The library is a root without being listed."""
    downloads = DownloadSettings(library=Path("/media"), roots=(Path("/nas"), Path("/media")))
    assert downloads.allowed_roots == (Path("/media"), Path("/nas"))


@pytest.mark.parametrize(
    "text", ["0 3 * * *", "*/15 6-22 * * mon-fri", "@daily", "0 0 1 1 *", "30 0 3 * * *"]
)
def test_cron_text_takes_what_the_scheduler_takes(text: str) -> None:
    """Five fields, six with seconds, or a name."""
    assert TypeAdapter(CronText).validate_python(text) == text


@pytest.mark.parametrize(
    "text", ["", "daily", "@never", "61 * * * *", "* * * *", "H H * * *", "R * * * *", "0 r(1-5) * * *"]
)
def test_cron_text_refuses_what_would_never_run(text: str) -> None:
    """Wrong ranges, and the random and hashed fields that Prefect does not know."""
    with pytest.raises(ValidationError, match=r"five cron fields|not blank"):
        TypeAdapter(CronText).validate_python(text)
