"""A session asked over a connection does what a session here does, and tells as much."""

from __future__ import annotations

import os
import pickle
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Self

import pytest

from tests.engine.polling import wait_until
from tests.media.studio import Studio, options
from vidra.datafiles import shipped
from vidra.errors import (
    BackendNotStarted,
    Cancelled,
    ConfigError,
    ConfigProblem,
    DiskFull,
    ExtractorBroken,
    JobNotFound,
    LeftOut,
    MediaError,
    Missing,
    SitePaused,
    TryLater,
    VerificationFailed,
    VidraError,
)
from vidra.media.addresses import NetworkPolicy
from vidra.media.interface import LogLevel, LogSink, MediaEntry, Progress, Stage, StopSignal
from vidra.media.options import OptionLayer, Origin, find_preset, load_presets, resolve_options
from vidra.media.remote import Order, RemoteSession, SessionServer
from vidra.media.session import MediaSession

ENTRY = MediaEntry(key="test 1", url="http://127.0.0.1:9/1")
TICK = Progress(stage=Stage.DOWNLOADING, stage_name="downloading", percent=50.0)

Work = Callable[..., Any]


@dataclass
class Actor:
    """In the place of a media session: does what the test says."""

    work: Work

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""

    def download(self, entry: MediaEntry, **given: Any) -> Any:
        return self.work(entry, **given)


@dataclass
class Remote:
    """A remote session; its server works on a thread, as it would in a process of its own."""

    session: RemoteSession
    server: threading.Thread
    far: Connection
    lines: list[tuple[LogLevel, str]] = field(default_factory=list)
    ticks: list[Progress] = field(default_factory=list)

    def download(self, entry: MediaEntry = ENTRY, **given: Any) -> Any:
        usual: dict[str, Any] = {
            "workdir": Path("work"), "stop": StopSignal(), "progress": self.ticks.append,
        }  # fmt: skip
        return self.session.download(entry, **usual | given)


@contextmanager
def remote(
    opened: Callable[[Any, LogSink], Any], *, grace: float = 30.0, give_up: Callable[[], None] = lambda: None
) -> Iterator[Remote]:
    """Open a remote session whose other side opens this; both have ended afterwards."""
    near, far = Pipe()
    lines: list[tuple[LogLevel, str]] = []
    server = SessionServer(far, grace=grace, give_up=give_up)
    thread = threading.Thread(target=server.serve, args=(opened,))
    thread.start()
    session = RemoteSession(near, "opening", log=lambda level, text: lines.append((level, text)))
    try:
        yield Remote(session, thread, far, lines)
    finally:
        session.close()
        thread.join(20)
        assert not thread.is_alive()


def cut(connection: Connection) -> None:
    """End the connection for both sides, as the end of a process does, while threads wait in it."""
    with socket.socket(fileno=os.dup(connection.fileno())) as end:
        end.shutdown(socket.SHUT_RDWR)


def acting(work: Work) -> Callable[[Any, LogSink], Any]:
    """Have the other side do this."""
    return lambda _, __: Actor(work)


def working(studio: Studio, **values: Any) -> Callable[[Any, LogSink], MediaSession]:
    """Have the other side open a real session."""
    return lambda _, log: MediaSession(
        options=options(**values),
        network=NetworkPolicy(allow_private=True),
        library=studio.library,
        log=log,
    )


def test_a_real_download_arrives_and_is_told_of(studio: Studio) -> None:
    """Result, ticks and log lines are those of a session here."""
    with remote(working(studio)) as there:
        listing = there.session.list(studio.site.url("/feed.rss"), stop=StopSignal())
        media = there.download(listing.entries[0], workdir=studio.work, playlist=listing)
    here = [text for _, text in there.lines if "Downloading webpage" in text]

    assert len(listing.entries) == 4
    assert media.path.is_file()
    assert media.path.is_relative_to(studio.library)
    assert media.key == listing.entries[0].key
    assert there.ticks[0].stage is Stage.IDENTIFYING
    assert there.ticks[-1].percent == 100.0
    assert here


def test_what_fails_is_raised_here_with_all_its_facts(studio: Studio) -> None:
    """The class decides whether it is tried again, the facts how."""
    with remote(working(studio)) as there, pytest.raises(Missing) as gone:
        there.download(studio.entry("/nowhere.html"), workdir=studio.work)
    assert gone.value.status == 404
    assert gone.value.url == studio.site.url("/nowhere.html")


def test_an_item_is_refused_by_whoever_ordered_it(studio: Studio) -> None:
    """The rules stay here; what is wanted after all arrives by the same session."""
    asked: list[str | None] = []

    def refuse(entry: MediaEntry) -> str | None:
        asked.append(entry.title)
        return "too loud" if len(asked) == 1 else None

    with remote(working(studio)) as there:
        entry = there.session.list(studio.site.url("/feed.rss"), stop=StopSignal()).entries[0]
        with pytest.raises(LeftOut, match="too loud"):
            there.download(entry, workdir=studio.work, refusal=refuse)
        media = there.download(entry, workdir=studio.work, refusal=refuse)
    assert asked == [entry.title, entry.title]
    assert media.path.is_file()


def test_a_stop_here_stops_it_there(studio: Studio) -> None:
    """At once, in the middle of a file that would take a minute; the part is kept."""
    stop, begun = StopSignal(), threading.Event()

    def watch(tick: Progress) -> None:
        if tick.stage is Stage.DOWNLOADING:
            begun.set()

    def stop_it() -> None:
        if begun.wait(20):
            stop.set("as asked")

    with remote(working(studio)) as there:
        entry = studio.entry("f/rate20000/m/vid000.mp4")
        stopper = threading.Thread(target=stop_it)
        stopper.start()
        with pytest.raises(Cancelled, match="as asked"):
            there.download(entry, workdir=studio.work, stop=stop, progress=watch)
        stopper.join()
        assert studio.part().stat().st_size > 0
        assert not there.session.is_over


def test_a_stop_concerns_the_work_at_hand_only() -> None:
    """One that comes when the work is done does not reach the next."""
    seen: list[bool] = []

    def work(_: MediaEntry, *, stop: StopSignal, **__: Any) -> str:
        seen.append(stop.is_set)
        return "done"

    with remote(acting(work)) as there:
        late = StopSignal()
        there.download(stop=late)
        late.set("too late")
        there.download()
    assert seen == [False, False]


def test_when_the_other_process_ends_the_work_is_tried_later() -> None:
    """By another session: this one is over."""
    far_end: list[Connection] = []

    def work(*_: object, **__: object) -> None:
        cut(far_end[0])

    with remote(acting(work)) as there:
        far_end.append(there.far)
        with pytest.raises(TryLater, match="ended unexpectedly"):
            there.download()
        assert there.session.is_over


def test_a_session_whose_process_is_gone_before_it_begins_is_over_too() -> None:
    """Its opening cannot be sent; the first call says so."""
    near, far = Pipe()
    far.close()
    session = RemoteSession(near, "opening", log=lambda *_: None)
    with pytest.raises(TryLater):
        session.list("http://127.0.0.1:9/", stop=StopSignal())
    assert session.is_over


def test_an_error_here_amid_a_call_ends_the_session() -> None:
    """What the other side still says must not be taken for the answer to the next call."""

    def work(_: MediaEntry, *, progress: Callable[[Progress], None], **__: Any) -> str:
        progress(TICK)
        return "done"

    def broken(_: Progress) -> None:
        raise RuntimeError("no room for progress")

    with remote(acting(work)) as there:
        with pytest.raises(RuntimeError, match="no room"):
            there.download(progress=broken)
        assert there.session.is_over


@pytest.mark.parametrize("error", [ZeroDivisionError("0"), OSError(lambda: "no pickle")])
def test_an_unexpected_error_is_told_and_the_session_goes_on(error: Exception) -> None:
    """Errors of others need not fit through a connection."""
    todo = [error]

    def work(*_: object, **__: object) -> str:
        if todo:
            raise todo.pop()
        return "done"

    with remote(acting(work)) as there:
        with pytest.raises(MediaError, match=f"unexpected error: {type(error).__name__}"):
            there.download()
        assert there.download() == "done"


@pytest.mark.parametrize(
    ("error", "told"),
    [(Missing("no ffmpeg"), "^no ffmpeg$"), (OSError("no room"), "unexpected error: OSError")],
)
def test_a_session_that_cannot_be_opened_says_so_to_each_call(error: Exception, told: str) -> None:
    """As one here does; what is wrong is not taken for a process that has ended."""

    def opened(_: object, __: LogSink) -> Actor:
        raise error

    with remote(opened) as there:
        for _ in range(2):
            with pytest.raises((Missing, MediaError), match=told):
                there.download()


def test_a_callers_own_trouble_is_not_taken_for_the_end_of_the_process() -> None:
    """A disk that is full here says so."""

    def work(_: MediaEntry, *, progress: Callable[[Progress], None], **__: Any) -> str:
        progress(TICK)
        return "done"

    def full(_: Progress) -> None:
        raise OSError("no room here")

    with remote(acting(work)) as there, pytest.raises(OSError, match="no room here"):
        there.download(progress=full)


def test_work_is_stopped_when_nobody_waits_for_it() -> None:
    """The run is gone: the part is kept, the process ends by itself."""
    stopped, begun = threading.Event(), threading.Event()

    def work(_: MediaEntry, *, stop: StopSignal, **__: Any) -> None:
        begun.set()
        if stop.wait(20):
            stopped.set()

    def call() -> None:
        with pytest.raises(TryLater):
            there.download()

    with remote(acting(work)) as there:
        caller = threading.Thread(target=call)
        caller.start()
        assert begun.wait(20)
        cut(there.far)
        assert stopped.wait(20)
        caller.join(20)


def test_work_that_does_not_stop_is_given_up() -> None:
    """It may sit in something that cannot be interrupted; the process must not stay for ever."""
    given_up, release = threading.Event(), threading.Event()

    def work(*_: object, **__: object) -> None:
        release.wait(20)

    with remote(acting(work), grace=0.1, give_up=given_up.set) as there:
        there.session._channel.send(Order(method="download", arguments={"entry": ENTRY}))
        there.session.close()
        assert given_up.wait(20)
        release.set()


ERRORS: tuple[VidraError, ...] = (
    SitePaused("a.test", until="2026-01-01T00:00:00Z", seconds=60.0, reason="429"),
    TryLater("busy", url="http://a.test/", status=503, retry_after=7.0),
    ExtractorBroken("youtube", "KeyError", version="2026.7.4", age_days=3),
    VerificationFailed(Path("clip.mp4"), "too short"),
    DiskFull(Path("library"), needed=2, free=1),
    BackendNotStarted("plex", "no", evidence=["a line"]),
    JobNotFound("j1"),
    Cancelled("as asked"),
    ConfigError(
        [ConfigProblem(source="f", line=1, key_path="a.b", value=1, expected="text", suggestion=None)]
    ),
)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_errors_cross_as_they_are(error: VidraError) -> None:
    """Class, text and facts, whatever their constructors ask for."""
    crossed = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own, a moment old
    assert type(crossed) is type(error)
    assert str(crossed) == str(error)
    assert vars(crossed) == vars(error)


def test_options_of_every_preset_cross_with_filters_and_dates() -> None:
    """What sessions are opened with; a filter still says the same."""
    presets = load_presets(shipped("config") / "presets")
    for name in presets:
        own = OptionLayer(
            origin=Origin.OWNER,
            values={
                "match_filter": ["duration > 60"], "dateafter": "20240101", "add_headers": {"X-A": "b"},
                "sponsorblock_remove": ["sponsor"],
            },
        )  # fmt: skip
        resolved = resolve_options(find_preset(presets, name).layer, own)
        crossed = pickle.loads(pickle.dumps(resolved))  # noqa: S301 - as above
        refuse = crossed.ydl_params["match_filter"]
        assert replace(crossed, ydl_params={}) == replace(resolved, ydl_params={})
        assert refuse({"title": "t", "duration": 30}) is not None
        assert refuse({"title": "t", "duration": 90}) is None


def test_a_line_said_while_opening_is_told_with_the_first_call() -> None:
    """Notes about options that were left unused come before any call."""

    def opened(_: object, log: LogSink) -> Actor:
        log(LogLevel.WARNING, "left unused")
        return Actor(lambda *_, **__: "done")

    with remote(opened) as there:
        wait_until(there.session._channel._connection.poll, 10)
        there.download()
        assert (LogLevel.WARNING, "left unused") in there.lines
