"""What becomes of a request before any run exists."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from vidra.credentials import open_credentials
from vidra.engine.jobs.resolution import PARTIAL_FOLDER, network_policy, resolve_job
from vidra.engine.jobs.secrets import with_secrets
from vidra.engine.jobs.submission import resume_or_submit, submit
from vidra.errors import OptionRefused, PathRefused, UrlRefused
from vidra.media.request import DownloadRequest
from vidra.settings import Settings, load_settings
from vidra.state import FileState, open_state
from vidra.state.interface import JobStatus

URL = "http://192.0.2.1/clip.mp4"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return settings that allow the one address these tests ask for."""
    return load_settings(
        overrides={
            "storage.data_dir": tmp_path / "data",
            "downloads.library": tmp_path / "library",
            "network.allowed_addresses": ["192.0.2.1", "[::1]:8080", "nas.example:81"],
        },
        environ={},
    )


@pytest.fixture
def state(settings: Settings) -> Iterator[FileState]:
    """Return the state of the settings' data folder."""
    opened = open_state(settings.storage.data_dir)
    yield opened
    opened.close()


def _request(*urls: str, **fields: object) -> DownloadRequest:
    return DownloadRequest.model_validate({"urls": urls or (URL,), **fields})


def test_a_request_becomes_a_queued_job_with_its_options(settings: Settings, state: FileState) -> None:
    """The record and the options are stored; nothing else happens."""
    job = submit(_request(format="bv*", options={"retries": 3}), settings=settings, state=state)

    assert state.jobs.get(job.job_id).status is JobStatus.QUEUED
    assert state.options.load(job.job_id)[1] == {"format": "bv*", "retries": 3}


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"options": {"exec": "id"}}, OptionRefused),
        ({"options": {"retries": "often"}}, OptionRefused),
        ({"preset": "nothing-like-it"}, OptionRefused),
        ({"urls": ("http://127.0.0.1/x",)}, UrlRefused),
        ({"urls": ("file:///etc/passwd",)}, UrlRefused),
    ],
)
def test_a_refused_request_leaves_nothing_behind(
    settings: Settings, state: FileState, fields: dict[str, object], error: type[Exception]
) -> None:
    """No job, no options: a wrong request never existed."""
    with pytest.raises(error):
        submit(_request(**fields), settings=settings, state=state)

    assert list(state.jobs.list()) == []
    assert list((settings.storage.data_dir / "job_options").glob("*")) == []


def test_secrets_go_into_the_credential_store_and_come_back_for_a_run(
    settings: Settings, state: FileState
) -> None:
    """The stored options show a mask; the run gets the value; another job does not."""
    job = submit(
        _request(options={"username": "me", "password": "open sesame"}), settings=settings, state=state
    )
    stored = state.options.load(job.job_id)[1]

    assert stored["password"] == "***"
    given = with_secrets(job.job_id, stored, lambda: open_credentials(settings.storage.data_dir))
    assert given["password"] == "open sesame"
    with pytest.raises(OptionRefused, match="not stored any more"):
        with_secrets("another", stored, lambda: open_credentials(settings.storage.data_dir))


def test_a_secret_among_command_line_flags_is_found(settings: Settings, state: FileState) -> None:
    """Pasted flags are spelled out before they are stored."""
    job = submit(_request(options={"cli": "--password sesame9 --retries 2"}), settings=settings, state=state)

    stored = dict(state.options.load(job.job_id)[1])
    assert "sesame9" not in str(stored)
    assert stored["password"] == "***"


def test_the_same_request_goes_on_with_its_unfinished_job(settings: Settings, state: FileState) -> None:
    """After Ctrl-C the same command finds the paused job; another request makes another job."""
    first = submit(_request(format="bv*"), settings=settings, state=state)
    state.jobs.update(first.job_id, status=JobStatus.PAUSED)

    same = resume_or_submit(_request(format="bv*"), settings=settings, state=state)
    other = resume_or_submit(_request(format="ba"), settings=settings, state=state)

    assert same.job_id == first.job_id
    assert other.job_id != first.job_id


def test_a_job_somebody_works_on_is_not_taken_over(settings: Settings, state: FileState) -> None:
    """Its lock is held: the same request makes a job of its own."""
    first = submit(_request(), settings=settings, state=state)
    with state.job_lock(first.job_id, purpose="a run"):
        second = resume_or_submit(_request(), settings=settings, state=state)

    assert second.job_id != first.job_id


def test_a_run_gets_its_folders_from_the_settings(
    settings: Settings, state: FileState, tmp_path: Path
) -> None:
    """Unfinished files lie in the library's own file system, in a folder that stays the same."""
    job = submit(_request(), settings=settings, state=state)

    resolved = resolve_job(job, settings=settings, state=state)

    assert resolved.workdir == tmp_path / "library" / PARTIAL_FOLDER / job.job_id


@pytest.mark.parametrize("library", ["data/library", "data", "."])
def test_the_library_and_the_state_are_kept_apart(
    settings: Settings, state: FileState, tmp_path: Path, library: str
) -> None:
    """SEC-15: what media servers are shown never holds the state, and no download can overwrite it."""
    job = submit(_request(), settings=settings, state=state)
    overrides = {"storage.data_dir": tmp_path / "data", "downloads.library": tmp_path / library}

    with pytest.raises(PathRefused, match="must not lie in one another"):
        resolve_job(job, settings=load_settings(overrides=overrides, environ={}), state=state)


def test_allowed_addresses_are_hosts_with_or_without_a_port(settings: Settings) -> None:
    """IPv6 addresses lose their brackets."""
    assert network_policy(settings).exceptions == {
        ("192.0.2.1", None),
        ("::1", 8080),
        ("nas.example", 81),
    }
