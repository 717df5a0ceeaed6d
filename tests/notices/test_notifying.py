"""Notices that really arrive, at receivers that really listen, or do not."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.notices.receiver import Receiver
from tests.notices.test_desk import notice
from vidra.engine.notices.notifying import Ping, ping, send, standings, try_channel
from vidra.notices import SIGNATURE_HEADER, TIMESTAMP_HEADER, signature
from vidra.settings import Settings, StorageSettings
from vidra.settings.notices import ChannelSettings, NoticeSettings, PingSettings

KEY = "a-key-nobody-may-see"
TOKEN = "tok3n-nobody-may-see"


def settings(root: Path, timeout: float = 5, pings: Any = None, **channels: ChannelSettings) -> Settings:
    """Return settings with these channels."""
    return Settings(
        storage=StorageSettings(data_dir=root / "data"),
        notifications=NoticeSettings(channels=channels, timeout=timeout, pings=pings or {}),
    )


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the signing key; addresses are set by each test."""
    monkeypatch.setenv("VIDRA_SECRET_NOTIFY_KEY", KEY)


def hook(url: str, **rules: Any) -> ChannelSettings:
    """Return a webhook channel."""
    return ChannelSettings(webhook=url, signing_key="secret:key", **rules)


def everything_below(root: Path) -> bytes:
    """Return the content of all files."""
    return b"".join(path.read_bytes() for path in root.rglob("*") if path.is_file())


def test_a_webhook_gets_signed_json(tmp_path: Path) -> None:
    """The receiver computes the same signature from key, timestamp and body, and from nothing else."""
    with Receiver() as receiver:
        (done,) = send(
            [notice(title="a"), notice(subject="job:2")], settings(tmp_path, hook=hook(receiver.url()))
        )
        (taken,) = receiver.taken
    assert done.problem is None
    stamp = taken.headers[TIMESTAMP_HEADER]
    assert taken.headers[SIGNATURE_HEADER] == signature(KEY, stamp, taken.body)
    assert taken.headers[SIGNATURE_HEADER] != signature(KEY, stamp, taken.body + b" ")
    assert abs(int(stamp) - time.time()) < 60
    assert [one["subject"] for one in taken.document["notices"]] == ["job:1", "job:2"]


def test_apprise_delivers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through apprise's own JSON service, to a real receiver."""
    with Receiver() as receiver:
        monkeypatch.setenv("VIDRA_SECRET_NOTIFY_PHONE", f"json://127.0.0.1:{receiver.port}/{TOKEN}")
        (done,) = send(
            [notice(title="hello")], settings(tmp_path, phone=ChannelSettings(apprise="secret:phone"))
        )
        (taken,) = receiver.taken
    assert done.problem is None
    assert taken.path.strip("/") == TOKEN
    assert taken.document["title"] == "hello"


def test_no_secret_reaches_log_or_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither when it works nor when it fails, whatever the libraries log."""
    caplog.set_level(logging.INFO)
    with Receiver(status=500) as receiver:
        monkeypatch.setenv("VIDRA_SECRET_NOTIFY_HOOK", receiver.url(f"/{TOKEN}"))
        monkeypatch.setenv("VIDRA_SECRET_NOTIFY_PHONE", f"json://127.0.0.1:{receiver.port}/{TOKEN}")
        phone = ChannelSettings(apprise="secret:phone")
        done = send([notice()], settings(tmp_path, hook=hook("secret:hook"), phone=phone))
    assert len(receiver.taken) == 2
    assert all(one.problem for one in done)
    seen = caplog.text + "".join(str(one) for one in done)
    assert "***" in seen
    assert TOKEN not in seen
    assert KEY not in seen
    kept = everything_below(tmp_path)
    assert b"job:1" in kept
    assert TOKEN.encode() not in kept
    assert KEY.encode() not in kept


def test_a_silent_receiver_delays_nobody_longer_than_the_limit(tmp_path: Path) -> None:
    """The other channel is told meanwhile, and what was not delivered waits."""
    with Receiver(hangs=threading.Event()) as silent, Receiver() as fine:
        config = settings(tmp_path, 0.6, silent=hook(silent.url()), fine=hook(fine.url()))
        begun = time.monotonic()
        done = {one.channel: one.problem for one in send([notice()], config)}
        assert time.monotonic() - begun < 5
    assert done["fine"] is None
    assert done["silent"] is not None
    assert len(fine.taken) == 1
    assert standings(config)["silent"]["waiting"] == 1
    assert standings(config)["fine"] == {**standings(config)["fine"], "waiting": 0, "problem": None}


def test_what_a_dead_receiver_missed_arrives_with_the_next_send(tmp_path: Path) -> None:
    """Each notice once."""
    with Receiver(status=503) as receiver:
        config = settings(tmp_path, hook=hook(receiver.url()))
        send([notice(title="a")], config)
        receiver.status = 204
        assert send([notice(subject="job:2", title="b")], config) == []  # it rests
        (done,) = send([], config, hurry=True)
        assert send([], config, hurry=True) == []
    assert done.problem is None
    assert [one["title"] for one in receiver.taken[-1].document["notices"]] == ["a", "b"]


def test_a_missing_secret_is_a_problem_with_its_remedy(tmp_path: Path) -> None:
    """And the test message is not kept."""
    config = settings(tmp_path, phone=ChannelSettings(apprise="secret:other_phone"))
    done = try_channel("phone", config)
    assert "vidra notify secret other_phone" in (done.problem or "")
    assert "VIDRA_SECRET_NOTIFY_OTHER_PHONE" in (done.problem or "")
    assert standings(config) == {}


def test_a_broken_data_folder_stops_no_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Telling people is never worth a failed run."""
    (tmp_path / "data").write_text("no folder")
    assert send([notice()], settings(tmp_path, hook=hook("http://127.0.0.1:9/"))) == []
    assert "nobody could be told" in caplog.text


def test_schedules_report_start_success_and_failure(tmp_path: Path) -> None:
    """Each to its own address; a schedule without addresses asks nobody."""
    with Receiver() as receiver:
        of = PingSettings(start=receiver.url("/s"), success=receiver.url("/ok"), fail=receiver.url("/bad"))
        config = settings(tmp_path, pings={"talks": of})
        assert [ping("talks", kind, config) for kind in Ping] == [None, None, None]
        assert ping("other", Ping.FAIL, config) is None
        receiver.status = 404
        assert ping("talks", Ping.FAIL, config) == "answered 404"
    assert [one.path for one in receiver.taken] == ["/s", "/ok", "/bad", "/bad"]
