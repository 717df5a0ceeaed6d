"""Section 9 of the client's contract over every payload there is: what a Dart client would throw at."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.routing import Route

from tests.api import casts
from tests.api.filling import CREATED
from tests.api.replies import REPLIES, read_reply
from tests.api.serving import settings_in, shim
from vidra.api.client.entry import entry_progress
from vidra.api.client.job import job_detail, job_object, log_line, short_job
from vidra.api.client.playlist import playlist_object, playlist_progress
from vidra.api.client.preview import preview_of
from vidra.api.client.progress import progress_event
from vidra.api.client.view import JobView
from vidra.media.interface import Listing
from vidra.state.interface import Entry, EntryStatus, Job, JobKind, JobProgress, JobStatus, LogLine

_TEXT = st.text(max_size=12)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 2**40) | st.floats() | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=6,
)
_NAMES = st.sampled_from(
    [
        "title", "description", "playlist_id", "playlist_title", "playlist_entry_count", "thumbnail_url",
        "webpage_url", "original_url", "uploader", "uploader_id", "channel", "channel_url", "availability",
        "live_status", "tags", "collected_at", "preview_collected_at", "collection_error", "ctx_id",
        "item", "anything",
    ]
)  # fmt: skip
_ITEM = st.dictionaries(
    st.sampled_from(["duration", "entry_id", "upload_date", "extractor", "view_count", "like_count"]),
    _TEXT | _JSON,
    max_size=4,
)
_FACTS = st.dictionaries(_NAMES, _TEXT | _ITEM | _JSON, max_size=8)
_PROGRESS = st.builds(
    JobProgress,
    stage=st.none() | _TEXT, stage_name=st.none() | _TEXT, message=st.none() | _TEXT,
    percent=st.none() | st.floats(0, 100), stage_percent=st.none() | st.floats(0, 100),
    downloaded_bytes=st.none() | st.integers(0, 2**50), total_bytes=st.none() | st.integers(0, 2**50),
    speed=st.none() | st.floats(0, 1e12), eta=st.none() | st.integers(0, 10**9),
    current_index=st.none() | st.integers(1, 4), failed_items=st.none() | st.integers(0, 4),
)  # fmt: skip
_ENTRY = st.builds(
    Entry,
    index=st.integers(1, 4), entry_id=st.none() | _TEXT, url=st.just("http://127.0.0.1/e"),
    title=st.none() | _TEXT, status=st.sampled_from(EntryStatus), error=st.none() | _TEXT,
    error_at=st.none() | st.just(CREATED), duration=st.none() | st.floats(0, 1e9), uploader=st.none() | _TEXT,
    main_file=st.none() | _TEXT, files=st.lists(_TEXT, max_size=2), progress=st.none() | _PROGRESS,
    extra=_FACTS,
)  # fmt: skip
_ENTRIES = st.lists(_ENTRY, max_size=4, unique_by=lambda entry: entry.index).map(
    lambda entries: sorted(entries, key=lambda entry: entry.index)
)
_JOB = st.builds(
    Job,
    job_id=st.just("j"), urls=st.just(("http://127.0.0.1/x",)), status=st.sampled_from(JobStatus),
    kind=st.sampled_from(JobKind), creator=st.none() | _TEXT, created_at=st.just(CREATED),
    started_at=st.none() | st.just(CREATED), finished_at=st.none() | st.just(CREATED),
    error=st.none() | _TEXT,
    metadata=_FACTS, selection_required=st.booleans(), selection=st.none() | st.just("1-2"),
    main_file=st.none() | _TEXT, generated_files=st.lists(_TEXT, max_size=2),
    total_items=st.none() | st.integers(0, 9),
)  # fmt: skip
_VIEW = st.builds(
    JobView,
    job=_JOB, progress=st.none() | _PROGRESS, entries=st.none() | _ENTRIES,
    options_version=st.none() | st.integers(1, 9), logs_version=st.none() | st.integers(1, 9),
)  # fmt: skip


def _sent(payload: Any) -> Any:
    """Return the payload as it arrives."""
    return json.loads(orjson.dumps(payload))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(view=_VIEW)
def test_whatever_a_site_says_every_payload_about_a_job_can_be_read(view: JobView) -> None:
    """Facts of any JSON type under any name: never a wrong type, an unknown name or a null."""
    line = LogLine(timestamp=CREATED, level="info", message="x", playlist_index=1)
    casts.read_job(_sent(job_object(view)), "job")
    casts.read_detail(_sent(job_detail(view, {"retries": 1}, [line])), "detail")
    casts.read_created(_sent(short_job(view)), "created")
    event = {"reason": "updated", "timestamp": CREATED}
    casts.read_event("update", _sent(job_object(view) | event))
    casts.read_event("update", _sent(job_detail(view, {}, [line]) | {"reason": "preview_ready"}))
    casts.read_event("log", _sent({"job_id": "j", **log_line(line)}))
    if progress := progress_event(view):
        casts.read_event("progress", _sent(progress))
    for entry in view.entries or ():
        told = entry_progress(view.job, entry, reason="entry_progress", timestamp=CREATED)
        casts.read_event("playlist_entry_progress", _sent(told))
    if view.is_list:
        casts.read_event("playlist_progress", _sent(playlist_progress(view, completed=1)))
        whole = playlist_object(view, entries=view.listed, whole=True)
        snapshot = {"job_id": "j", "status": view.job.status.value, "playlist": _sent(whole)}
        casts.read_snapshot(snapshot, "snapshot")
        casts.read_event("playlist_snapshot", snapshot)


@pytest.mark.parametrize("is_playlist", [True, False])
def test_a_preview_of_nothing_much_can_be_read(is_playlist: bool) -> None:
    """A page that says next to nothing about itself."""
    listing = Listing(url="http://127.0.0.1/x", is_playlist=is_playlist, entries=())
    casts.read_previewed(_sent({"preview": preview_of(listing, "http://127.0.0.1/x")}), "preview")


def test_every_route_of_the_client_has_its_cast(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A new route or reply cannot be forgotten: the simulator refuses what is not in its table."""
    folder = tmp_path_factory.mktemp("routes")
    with shim(folder, settings=settings_in(folder, preview_api=True), supervised=True) as served:
        app = served.server._app
        paths = app.openapi()["paths"]
        here = {(method.upper(), path) for path, methods in paths.items() for method in methods}
        plain = [route for route in app.routes if isinstance(route, Route)]
        here |= {(method, route.path) for route in plain for method in route.methods or ()}
    client = {(m, p) for m, p in here if m not in {"HEAD", "OPTIONS"} and not p.startswith("/api/v1")}

    assert client - {("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/metrics")} <= REPLIES.keys()
    assert REPLIES.keys() - client <= {("POST", "/api/preview"), ("POST", "/api/jobs/dry-run")}


@pytest.mark.parametrize(
    ("method", "path", "reply"),
    [
        ("GET", "/api/jobs/x/options", {"job_id": "x", "delta": {"type": "full"}, "colour": "red"}),
        ("POST", "/api/jobs/x/pause", {"job_id": "x", "status": None}),
        ("POST", "/api/jobs/x/pause", {"job_id": 1, "status": "paused"}),
        ("GET", "/api/nothing", {}),
    ],
)
def test_the_casts_themselves_can_fail(method: str, path: str, reply: Any) -> None:
    """An unknown name, a null, a wrong type, a route that is not in the contract."""
    with pytest.raises(casts.WrongType):
        read_reply(method, path, 200, reply)
