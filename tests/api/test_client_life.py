from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.desk import Desk, wait_for_status
from tests.api.serving import Shim, settings_in, shim, until
from tests.api.simulator import VidraClient
from tests.site.server import MediaSite
from vidra.api.previewing import MediaPreviewer


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
    options, logs = client.side_files(job["job_id"])
    assert (options["version"], logs["version"]) == (done["options_version"], done["logs_version"])
    overview.wait_for("update(completed)")
    room.wait_for("update(completed)")
    names = overview.names()
    assert (
        names.index("update(created)")
        < names.index("update(preview_ready)")
        < names.index("update(completed)")
    )
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
    """Failures are told with their entries; a retry takes only the chosen one and clears its failure."""
    job_id = client.create(media_site.url("/feed/2/s404x1,tagretryone.rss"))["job_id"]
    client.until(job_id, lambda j: j["metadata"]["requires_playlist_selection"], "it waits")
    client.command(job_id, "playlist/selection", {})
    failed = client.until_over(job_id)
    assert (failed["status"], failed["playlist_failed_indices"]) == ("failed", [1, 2])
    assert [item["index"] for item in failed["playlist_entry_errors"]] == [1, 2]

    first = client.entries(job_id)[0]["id"]
    code, reply = client.command(job_id, "playlist/retry", {"entry_ids": [first]})

    assert (code, reply["status"], reply["pending_indices"], reply["selection"]) == (200, "queued", [1], "1")
    done = client.until_over(job_id)
    assert (done["status"], done["playlist_failed_indices"]) == ("completed_with_errors", [2])
    assert "playlist_pending_indices" not in done


def test_taking_out_the_last_failure_completes_the_job(client: VidraClient, media_site: MediaSite) -> None:
    """But taking out an entry that had not failed completes nothing."""
    job_id = client.create(media_site.url("/odd/feed-one-bad.rss"))["job_id"]
    client.until(job_id, lambda j: j["metadata"]["requires_playlist_selection"], "it waits")
    client.command(job_id, "playlist/selection", {"indices": None})
    done = client.until_over(job_id)
    assert done["status"] == "completed_with_errors"
    bad = done["playlist_failed_indices"]
    good = next(index for index in done["playlist"]["completed_indices"])

    assert "job_status" not in client.command(job_id, "playlist/delete", {"indices": [good]})[1]
    code, reply = client.command(job_id, "playlist/delete", {"indices": bad})

    assert (code, reply["status"], reply["job_status"]) == (200, "entries_removed", "completed")
    assert client.detail(job_id)["playlist_removed_indices"] == sorted([good, *bad])


def test_a_client_pauses_and_resumes(client: VidraClient, media_site: MediaSite) -> None:
    """A paused job keeps what it has and goes on to the end."""
    job_id = client.create(media_site.url("/f/rate49152,tagpausing/n/1.mp4"))["job_id"]
    client.until(job_id, lambda j: j["progress"].get("downloaded_bytes"), "bytes arrive")
    code, reply = client.command(job_id, "pause")
    assert (code, reply["status"]) == (200, "pausing")
    client.until(job_id, lambda j: j["status"] == "paused", "it is paused")

    assert client.command(job_id, "resume") == (200, {"job_id": job_id, "status": "running"})
    assert client.command(job_id, "resume")[1]["error"] == "job_status_conflict"
    assert client.until_over(job_id)["status"] == "completed"


def test_a_cancelled_job_can_be_deleted(client: VidraClient, media_site: MediaSite) -> None:
    """While it works it cannot; afterwards it is gone everywhere, and its partial file too."""
    overview = client.start()
    job_id = client.create(media_site.url("/f/rate32768,tagcancelling/n/1.mp4"))["job_id"]
    room = client.watch(job_id)
    client.until(job_id, lambda j: j["progress"].get("downloaded_bytes"), "bytes arrive")
    assert client.delete(job_id)[1]["error"] == "job_delete_conflict_active"
    assert client.command(job_id, "cancel")[1]["status"] == "cancelling"
    client.until(job_id, lambda j: j["status"] == "cancelled", "it is cancelled")

    assert client.delete(job_id) == (200, {"job_id": job_id, "status": "deleted", "reason": "deleted"})
    overview.wait_for("update(deleted)")
    room.wait_for("update(deleted)")
    until(lambda: room.closed_with == 1000, "the room closes")


def test_cancelling_a_list_that_waits_removes_it(client: VidraClient, media_site: MediaSite) -> None:
    """Nothing was downloaded, so nothing is kept."""
    job_id = client.create(media_site.url("/feed.rss"))["job_id"]
    client.until(job_id, lambda j: j["metadata"]["requires_playlist_selection"], "it waits")

    assert client.command(job_id, "cancel")[1] == {"job_id": job_id, "status": "deleted", "reason": "deleted"}
    assert client.refresh() == []


def test_a_paused_selection_waits_again_after_resuming(client: VidraClient, media_site: MediaSite) -> None:
    """Pausing must not lose the question, nor answer it."""
    job_id = client.create(media_site.url("/feed.rss"))["job_id"]
    client.until(job_id, lambda j: j["metadata"]["requires_playlist_selection"], "it waits")
    assert client.command(job_id, "pause")[1]["status"] == "paused"

    client.command(job_id, "resume")

    again = client.detail(job_id)
    assert (again["status"], again["metadata"]["requires_playlist_selection"]) == ("starting", True)


def test_retrying_a_finished_video_keeps_its_file(client: VidraClient, media_site: MediaSite) -> None:
    """The old back end deleted it; here it is verified and kept."""
    job_id = client.create(media_site.url("/f/tagkept/n/1.mp4"))["job_id"]
    before = Path(client.until_over(job_id)["main_file"]).stat()

    assert client.command(job_id, "retry")[1]["status"] == "queued"

    done = client.until(job_id, lambda j: j["status"] == "completed", "it completes again")
    after = Path(done["main_file"]).stat()
    assert (after.st_size, after.st_ino) == (before.st_size, before.st_ino)


def test_a_client_that_lost_its_sockets_catches_up(client: VidraClient, media_site: MediaSite) -> None:
    """Whoever joins late is told where everything stands, and what follows."""
    job_id = client.create(media_site.url("/f/rate65536,taglate/n/1.mp4"))["job_id"]
    client.watch(job_id).close()
    client.until(job_id, lambda j: j["status"] == "running", "it runs")

    room = client.watch(job_id)

    first, second = room.payloads("update")[0], room.payloads("progress")[0]
    assert (first["status"], first["is_terminal"], second["reason"]) == ("running", False, "initial_sync")
    room.wait_for("update(completed)")


def test_a_job_nobody_knows_is_told_so_and_closed(client: VidraClient) -> None:
    """Accepted, one `error`, then a normal close: the client treats the job as gone."""
    listener = client.listen_to("nobody")
    until(lambda: listener.closed_with == 1000, "it is closed")

    assert listener.heard == [("error", {"message": "job not found", "job_id": "nobody"})]


def test_a_clients_memory_of_a_video_is_right_without_asking(
    client: VidraClient, media_site: MediaSite
) -> None:
    """What it was told, merged as it merges, is what the server would answer; side files by version."""
    desk = Desk(client, back_off=0.1)
    job_id = client.create(media_site.url("/f/rate65536,tagmemory/n/1.mp4"))["job_id"]
    wait_for_status(desk, job_id, "running")
    assert client.command(job_id, "pause")[1]["status"] == "pausing"
    wait_for_status(desk, job_id, "paused")
    client.command(job_id, "resume")
    told = wait_for_status(desk, job_id, "completed")

    truth = client.detail(job_id)
    same = ("status", "kind", "created_at", "finished_at", "main_file", "preview", "metadata", "progress")
    assert {name: told.get(name) for name in same} == {name: truth.get(name) for name in same}
    assert "error" not in told
    until(lambda: desk.side[job_id, "logs"]["version"] == truth["logs_version"], "its log is the latest")
    assert desk.side[job_id, "logs"]["logs"] == truth["logs"]
    assert desk.side[job_id, "options"]["options"] == truth["options"]
    versions = (truth["options_version"], truth["logs_version"])
    assert [one["delta"]["type"] for one in client.side_files(job_id, since=versions)] == ["noop", "noop"]
    assert client.delete(job_id)[0] == 200
    until(lambda: desk.job(job_id) == {}, "it is gone from the desk")
    desk.close()


def test_a_clients_memory_of_a_list_is_right_without_asking(
    client: VidraClient, media_site: MediaSite
) -> None:
    """No entry is told while the client would ignore it, and each one's end arrives."""
    desk = Desk(client, back_off=0.1)
    job_id = client.create(media_site.url("/feed/4/rate262144,tagmemorylist.rss"))["job_id"]
    until(lambda: job_id in desk.memory.told, "the whole list was told while it awaits a choice")
    assert sorted(desk.memory.entries[job_id]) == [1, 2, 3, 4]
    client.command(job_id, "playlist/selection", {"indices": [1, 3]})
    wait_for_status(desk, job_id, "completed")

    truth = client.detail(job_id)
    same = ("title", "id", "total_items", "completed_items", "collection_complete")

    def told_the_same() -> bool:
        """Tell whether the list's own event, which may follow the status, has come."""
        told = desk.job(job_id)["playlist"]
        return all(told.get(name) == truth["playlist"].get(name) for name in same)

    until(told_the_same, "what was told of the list is what the server answers")
    assert desk.job(job_id)["metadata"]["requires_playlist_selection"] is False
    assert {
        index for index, entry in desk.memory.entries[job_id].items() if entry["status"] == "completed"
    } <= {
        1,
        3,
    }
    desk.close()


def test_a_preview_and_a_dry_run_read_as_the_contract_says(tmp_path: Path, media_site: MediaSite) -> None:
    """With real extraction; a page that is not there is a preview of null, not an error."""
    settings = settings_in(tmp_path, preview_api=True)
    with shim(tmp_path, settings=settings, previewer=MediaPreviewer(settings)) as served:
        found = VidraClient(served.base, served.token)
        shown = found.preview(media_site.url("/v/vid001.html"))
        nothing = found.preview(media_site.url("/not/there"))
        dry = found.dry_run(media_site.url("/v/vid001.html"), retries=3, password="hunter22")
        found.close()
        assert served.state.jobs.list() == []

    assert shown is not None
    assert (shown["title"], shown["is_playlist"]) == ("Test clip 1", False)
    assert nothing is None
    assert dry["options"]["retries"] == 3
    assert "hunter22" not in str(dry)
