"""What people hear of real runs: one message for each run, and never a run that fails for it."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.cli.shell import Shell
from tests.notices.receiver import Receiver
from tests.subscriptions.studio import Studio
from vidra.notices import SIGNATURE_HEADER, TIMESTAMP_HEADER, signature

KEY = "a-key-nobody-may-see"


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the signing key."""
    monkeypatch.setenv("VIDRA_SECRET_NOTIFY_KEY", KEY)


def declare(studio: Studio, receiver: Receiver, urls: str, *, timeout: float = 10.0, **more: Any) -> None:
    """Declare one subscription, one channel that hears everything, and pings."""
    hook = {"webhook": receiver.url("/hook"), "signing_key": "secret:key"}
    pings = {kind: receiver.url(f"/{kind}") for kind in ("start", "success", "fail")}
    notices = {"channels": {"hook": hook}, "timeout": timeout, "pings": {"talks": pings}}
    subscriptions = {"talks": {"urls": studio.url(urls), **more}}
    studio.workshop.write_config(
        f"subscriptions: {json.dumps(subscriptions)}\nnotifications: {json.dumps(notices)}\n"
    )


def events(receiver: Receiver) -> list[list[tuple[str, str]]]:
    """Return event and subject of each notice, by message."""
    return [
        [(one["event"], one["subject"]) for one in taken.document["notices"]]
        for taken in receiver.taken
        if taken.path == "/hook"
    ]


def pings(receiver: Receiver) -> list[str]:
    """Return the pings in their order."""
    return [taken.path for taken in receiver.taken if taken.path != "/hook"]


def test_a_subscription_run_is_told_in_one_signed_message(studio: Studio) -> None:
    """Three arrived and one failed: one message that names each; its schedule reports failure."""
    with Receiver() as receiver:
        declare(studio, receiver, "/odd/feed-one-bad.rss")
        studio.run("talks", dry_run=True)
        assert receiver.taken == []
        studio.run("talks")
    talks = "subscription:talks"
    assert events(receiver) == [[("downloaded", talks), ("failed", talks)]]
    assert pings(receiver) == ["/start", "/fail"]
    message = next(taken for taken in receiver.taken if taken.path == "/hook")
    assert message.headers[SIGNATURE_HEADER] == signature(
        KEY, message.headers[TIMESTAMP_HEADER], message.body
    )
    assert all(f"Test clip {n}" in message.document["text"] for n in (1, 2, 3, 4))
    assert message.document["notices"][0]["facts"]["downloaded"] == 3


def test_what_retention_removes_is_told_by_name(studio: Studio) -> None:
    """Two arrive, the older goes again: the same message says both."""
    with Receiver() as receiver:
        declare(studio, receiver, "/pages/feed-2.rss", retention={"max_items": 1})
        studio.run("talks")
    talks = "subscription:talks"
    assert events(receiver) == [[("downloaded", talks), ("removed", talks)]]
    message = next(taken for taken in receiver.taken if taken.path == "/hook")
    assert "Test clip" in message.document["notices"][1]["text"]


def test_nothing_new_is_no_news_but_the_schedule_reports(studio: Studio) -> None:
    """The second run finds everything archived."""
    with Receiver() as receiver:
        declare(studio, receiver, "/pages/feed-1.rss")
        studio.run("talks")
        studio.run("talks")
    assert events(receiver) == [[("downloaded", "subscription:talks")]]
    assert pings(receiver) == ["/start", "/success"] * 2


def test_a_refusal_by_the_guard_wants_a_decision(studio: Studio) -> None:
    """The message says what to type."""
    with Receiver() as receiver:
        declare(studio, receiver, "/feed/6.rss")
        studio.run("talks")
        (studio.data / "archive.txt").unlink()
        studio.run("talks")
    assert events(receiver)[1:] == [[("guard", "subscription:talks")]]
    texts = [taken.document["text"] for taken in receiver.taken if taken.path == "/hook"]
    assert "vidra subscription run talks --yes" in texts[1]


def test_a_subscription_that_works_again_is_told(studio: Studio) -> None:
    """Its list was gone and is back; a third run has nothing to tell."""
    with Receiver() as receiver:
        declare(studio, receiver, "/f/s404/feed.rss")
        studio.run("talks")
        for _ in range(2):
            declare(studio, receiver, "/pages/feed-1.rss")
            studio.run("talks")
    talks = "subscription:talks"
    assert events(receiver) == [[("failed", talks)], [("downloaded", talks), ("recovered", talks)]]
    assert pings(receiver) == ["/start", "/fail", *["/start", "/success"] * 2]


def test_cookies_that_expire_are_told_before_it_is_too_late(studio: Studio) -> None:
    """Once, however often the subscription runs; the text says when."""
    soon = int((datetime.now(UTC) + timedelta(days=3)).timestamp())
    file = studio.workshop.root / "cookies.txt"
    file.write_text(f"# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t{soon}\tsession\tgood\n")
    cookies = {"use": "when_needed", "file": str(file)}
    with Receiver() as receiver:
        declare(studio, receiver, "/pages/feed-1.rss", cookies=cookies)
        studio.run("talks")
        studio.run("talks")
    told = [one for message in events(receiver) for one in message]
    assert told.count(("cookies", "subscription:talks")) == 1
    texts = "".join(taken.document["text"] for taken in receiver.taken if taken.path == "/hook")
    assert "expire in 3 days" in texts
    assert "good" not in texts


def test_a_full_disk_is_told_once_for_the_whole_run(studio: Studio) -> None:
    """Three items found no room: one notice says so, another that they failed."""
    with Receiver() as receiver:
        declare(studio, receiver, "/pages/feed-3.rss")
        text = studio.workshop.root.joinpath("vidra.yaml").read_text()
        studio.workshop.root.joinpath("vidra.yaml").write_text(
            text.replace("free_space_floor: 0", "free_space_floor: 900TB")
        )
        studio.run("talks")
    talks = "subscription:talks"
    assert sorted(one for message in events(receiver) for one in message) == [
        ("disk_full", talks), ("failed", talks),
    ]  # fmt: skip
    assert studio.shelf() == []


def test_retention_that_would_empty_the_library_wants_a_decision(studio: Studio) -> None:
    """Nothing goes, and the message says what to type."""
    with Receiver() as receiver:
        declare(studio, receiver, "/pages/feed-2.rss", retention={"max_bytes": 1})
        studio.run("talks")
    talks = "subscription:talks"
    assert events(receiver) == [[("downloaded", talks), ("guard", talks)]]
    message = next(taken.document["text"] for taken in receiver.taken if taken.path == "/hook")
    assert "vidra retention apply -s talks --yes" in message
    assert len(studio.shelf()) == 2


def test_a_receiver_that_never_answers_fails_no_run(studio: Studio) -> None:
    """Everything arrives in the library, and the message waits in the state."""
    with Receiver(hangs=threading.Event()) as receiver:
        declare(studio, receiver, "/pages/feed-1.rss", timeout=0.5)
        outcome = studio.run("talks")
    assert outcome.status.value == "completed"
    assert studio.last("talks").result == "ok"
    kept = b"".join(path.read_bytes() for path in studio.data.glob("notices.j*"))
    assert b"Test clip" in kept
    assert KEY.encode() not in kept


def test_a_job_by_itself_is_told_at_its_end(studio: Studio) -> None:
    """With the job's id as subject."""
    with Receiver() as receiver:
        declare(studio, receiver, "/pages/feed-1.rss")
        job, _ = studio.workshop.download(studio.url("/p/tagnotice/m/vid001.mp4"))
    assert events(receiver) == [[("downloaded", f"job:{job.job_id}")]]


def test_the_command_line_stores_a_secret_and_tries_a_channel(shell: Shell) -> None:
    """`secret` reads its input, `test` signs with it, `ls` says what is missing; the value is never shown."""
    with Receiver() as receiver:
        hook = {"webhook": receiver.url(), "signing_key": "secret:cli_key"}
        channels = {"hook": hook, "phone": {"apprise": "secret:nobody"}}
        with shell.config.open("a") as stream:
            stream.write(
                f"credentials: {{place: file}}\nnotifications: {json.dumps({'channels': channels})}\n"
            )
        file = shell.root / "key"
        file.write_text(KEY)
        stored = shell.run("notify", "secret", "cli_key", "--secret-file", str(file))
        tried = shell.run("notify", "test", "--json")
        (taken,) = receiver.taken
    listed = json.loads(shell.run("notify", "ls", "--json").stdout)
    assert (stored.returncode, tried.returncode) == (0, 1), stored.stderr + tried.stderr
    assert [one["ok"] for one in json.loads(tried.stdout)] == [True, False]
    assert taken.headers[SIGNATURE_HEADER] == signature(KEY, taken.headers[TIMESTAMP_HEADER], taken.body)
    assert [one["missing"] for one in listed] == [[], ["secret:nobody"]]
    assert KEY not in stored.stdout + stored.stderr + tried.stdout + tried.stderr


def test_what_an_interrupted_run_left_is_told_as_its_subscription_s(studio: Studio) -> None:
    """The job goes on by itself; only the channels that the subscription names hear of it."""
    with Receiver() as receiver:
        declare(studio, receiver, "/pages/feed-2.rss", notifications=["hook"])
        job = studio.workshop.submit(studio.url("/pages/feed-1.rss"))
        with studio.workshop.state() as state:
            state.jobs.update(job.job_id, subscription="talks")
        studio.workshop.run(job)
        declare(studio, receiver, "/pages/feed-2.rss", notifications=["other"])
        studio.run("talks")
    assert events(receiver) == [[("downloaded", "subscription:talks")]]
