"""The released client against a whole running engine: `vidra up`, its Prefect server, worker and shim.

One engine for the module; the default configuration but for a free port and the media site's address.
"""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from tests.api.desk import Desk, wait_for_status
from tests.api.serving import free_port, until
from tests.api.simulator import VidraClient
from tests.cli.shell import Shell
from tests.site.server import MediaSite
from vidra.engine.deployments.applying import apply_deployments
from vidra.engine.deployments.declarations import Declaration
from vidra.engine.environment import applied
from vidra.engine.lifecycle.running import engine_environment
from vidra.settings import load_settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

CANARY = "canary-5c4b3a291807f6e5d4"
"""What jobs sign in with."""
SERVERS = {"attic": "canary-jellyfin-0f1e2d3c4b5a", "home": "canary-plex-a5b4c3d2e1f0"}
"""Tokens of media servers, by source."""
CONFIG = """\
storage: {{data_dir: {root}/data, cache_dir: {root}/cache}}
downloads: {{free_space_floor: 0, retries: 0}}
network: {{allowed_addresses: ["127.0.0.1:{site}"]}}
server: {{port: {port}}}
sources:
  attic: {{type: jellyfin, url: "http://127.0.0.1:1"}}
  home: {{type: plex, url: "http://127.0.0.1:1"}}
"""


@dataclass(frozen=True, kw_only=True)
class Household:
    """A user's home with a running engine, and the folder of an installed client in it."""

    shell: Shell
    home: Path

    @property
    def base(self) -> str:
        """Where the shim listens."""
        return f"http://127.0.0.1:{self.shell.shim}"

    @property
    def downloads(self) -> Path:
        """The user's downloads folder, which the client names with every job."""
        return self.home / "Downloads"

    @property
    def status_file(self) -> Path:
        """The client's own start-up status file."""
        return self.home / "support" / "backend" / "startup_status.json"

    def client(self) -> VidraClient:
        """Return a client that adopts the engine."""
        return VidraClient.adopting(self.base, self.status_file, downloads=self.downloads)

    def http(self) -> httpx.Client:
        """Return any program with the token."""
        token = json.loads(self.status_file.read_text(encoding="utf-8"))["token"]
        return httpx.Client(base_url=self.base, headers={"X-API-Token": token}, timeout=30)


def _household(home: Path, site: MediaSite) -> Household:
    shell = Shell(home, home / "data", site, shim=free_port())
    shell.config.write_text(
        CONFIG.format(root=home, site=site.base.rpartition(":")[2], port=shell.shim), encoding="utf-8"
    )
    found = Household(shell=shell, home=home)
    found.status_file.parent.mkdir(parents=True)
    shell.variables |= {
        "HOME": str(home),
        "VIDRA_SERVER_STATUS_FILE": str(found.status_file),
        **{f"VIDRA_SECRET_SOURCE_{name.upper()}_TOKEN": token for name, token in SERVERS.items()},
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    return found


@pytest.fixture(scope="module")
def _home(tmp_path_factory: pytest.TempPathFactory, media_site: MediaSite) -> Iterator[Household]:
    """Keep one home for all tests; whatever they did, no secret lies in it at the end (API-14)."""
    found = _household(tmp_path_factory.mktemp("household"), media_site)
    yield found
    found.shell.kill_everything()
    for secret in (CANARY, *SERVERS.values()):
        assert _files_with(found.home, secret) == []


@pytest.fixture
def household(_home: Household) -> Household:
    """Return the home, its engine running: started for the first test, and after it was stopped."""
    if not _home.shell.engines:
        _home.shell.up()
    return _home


@pytest.fixture
def client(household: Household) -> Iterator[VidraClient]:
    """Adopt the engine as a released client does when it starts."""
    found = household.client()
    yield found
    found.close()


def test_an_adopted_engine_downloads_into_the_clients_own_folder(
    client: VidraClient, household: Household, media_site: MediaSite
) -> None:
    """Default configuration, unmodified client: start, create, watch, and the file lies where it asked."""
    overview = client.start()
    began = time.time()
    job = client.create(media_site.url("/v/vid001.html"))
    room = client.watch(job["job_id"])
    done = client.until_over(job["job_id"])

    assert done["status"] == "completed", done
    assert Path(done["main_file"]).is_relative_to(household.downloads)
    assert Path(done["main_file"]).stat().st_size > 10_000
    assert done["preview"]["title"] == "Test clip 1"
    assert media_site.requests("/m/vid001.mp4")[-1].at > began
    options, logs = client.side_files(job["job_id"])
    assert options["options"]["merge_output_format"] == "mkv"
    assert logs["count"] > 0
    client.refresh()
    for listener in (overview, room):
        listener.wait_for("update(completed)")
    names = [name for name in overview.names() if name.startswith("update")]
    order = ["created", "preview_ready", "completed"]
    assert [name for name in names if name[7:-1] in order] == [f"update({reason})" for reason in order]


def test_a_list_is_chosen_from_tried_again_and_thinned_out(
    client: VidraClient, media_site: MediaSite
) -> None:
    """Select, see one fail, retry it by its id, take it out: each through a flow run of its own."""
    job_id = client.create(media_site.url("/feed/4/s404x1,tagrealretry.rss"))["job_id"]
    room = client.watch(job_id)
    client.until(job_id, lambda j: j["metadata"]["requires_playlist_selection"], "it waits")
    room.wait_for("list_info_ends")
    code, reply = client.command(job_id, "playlist/selection", {"indices": [1, 2, 3]})
    assert (code, reply["selection"]) == (200, "1-3")
    failed = client.until_over(job_id)
    assert (failed["status"], failed["playlist_failed_indices"]) == ("failed", [1, 2, 3])

    first, second, third = [entry["id"] for entry in client.entries(job_id)]
    assert client.command(job_id, "playlist/retry", {"entry_ids": [first, second]})[1]["selection"] == "1-2"
    half = client.until_over(job_id)
    assert (half["status"], half["playlist_failed_indices"]) == ("completed_with_errors", [3])

    code, reply = client.command(job_id, "playlist/delete", {"entry_ids": [third]})
    assert (code, reply["status"], reply["job_status"]) == (200, "entries_removed", "completed")
    room.wait_for("update(completed)")
    assert client.detail(job_id)["playlist"]["completed_indices"] == [1, 2]


def test_a_download_is_paused_resumed_cancelled_retried_and_deleted(
    client: VidraClient, media_site: MediaSite
) -> None:
    """Every command of the detail screen, over the wire, against a real run."""
    job_id = client.create(media_site.url("/p/rate150000,etag1,tagreallife/m/vid001.mp4"))["job_id"]
    room = client.watch(job_id)
    client.until(job_id, lambda j: j["progress"].get("downloaded_bytes"), "bytes arrive")
    assert client.command(job_id, "pause")[1]["status"] == "pausing"
    client.until(job_id, lambda j: j["status"] == "paused", "it is paused")
    kept = client.detail(job_id)["progress"].get("downloaded_bytes")

    assert client.command(job_id, "resume")[1]["status"] == "running"
    client.until(job_id, lambda j: j["status"] == "running", "it runs again")
    assert client.command(job_id, "cancel")[1]["status"] == "cancelling"
    client.until(job_id, lambda j: j["status"] == "cancelled", "it is cancelled")

    assert client.command(job_id, "retry")[1]["status"] == "queued"
    assert client.until_over(job_id)["status"] == "completed"
    assert client.delete(job_id)[1]["status"] == "deleted"
    room.wait_for("update(deleted)")
    heard = [name for name in room.names() if name.startswith("update")]
    wanted = [
        f"update({r})" for r in ("pausing", "paused", "cancelling", "cancelled", "completed", "deleted")
    ]
    assert [name for name in heard if name in wanted] == wanted
    assert kept


def test_a_client_reconnects_after_the_shim_has_died(
    client: VidraClient, household: Household, media_site: MediaSite
) -> None:
    """Killed in the middle of a download: the supervisor brings it back, the job never noticed.

    The client opens its sockets again by itself, and what it remembers is right without asking.
    """
    desk = Desk(client, back_off=0.5)
    job_id = client.create(media_site.url("/p/rate100000,etag1,tagrealback/m/vid001.mp4"))["job_id"]
    until(lambda: desk.job(job_id).get("progress", {}).get("downloaded_bytes"), "bytes arrive", within=40)
    sockets = len(client.listeners)
    for process in household.shell.processes():
        if "vidra.api.serve" in " ".join(process.cmdline()):
            process.send_signal(signal.SIGKILL)
    until(lambda: len(client.listeners) > sockets, "the client connects again", within=40)

    told = wait_for_status(desk, job_id, "completed", within=90)

    truth = client.detail(job_id)
    same = ("status", "kind", "main_file", "finished_at", "preview")
    assert {name: told.get(name) for name in same} == {name: truth.get(name) for name in same}
    desk.close()


def test_what_is_asked_before_a_download_stores_nothing(client: VidraClient, media_site: MediaSite) -> None:
    """The routes behind the client's flag, which is off in its own settings, are not there."""
    before = client.refresh()
    for path in ("/api/preview", "/api/jobs/dry-run"):
        assert client.status_of("POST", path, {"urls": media_site.url("/v/vid001.html")}) in {404, 405}
    assert client.refresh() == before


def test_any_program_triggers_and_follows_flows(household: Household) -> None:
    """The generic face over Prefect: schemas, runs, logs, events, the same key twenty times at once."""
    _deploy(household, "doubled", "waiting")
    with household.http() as http:
        flows = {flow["name"]: flow for flow in http.get("/api/v1/flows").json()["flows"]}
        assert "number" in flows["doubled"]["parameters"]["properties"]
        assert http.get("/readyz").json()["status"] == "ready"
        key = {"Idempotency-Key": "twice"}

        def ask(_: int) -> str:
            body = {"parameters": {"number": 4}}
            return str(http.post("/api/v1/flows/doubled/runs", json=body, headers=key).json()["run_id"])

        with ThreadPoolExecutor(10) as threads:
            (run_id,) = set(threads.map(ask, range(20)))
        states = _followed(http, run_id)
        logs = until(lambda: http.get(f"/api/v1/runs/{run_id}/logs").json()["logs"], "the log is there")
        listed = http.get("/api/v1/runs?flow=doubled&state=completed").json()["runs"]

        wrong = http.post("/api/v1/flows/doubled/runs", json={"parameters": {"number": "many"}})

    assert states[-1] == "completed"
    assert "doubling 4" in [line["message"] for line in logs]
    assert [run["run_id"] for run in listed] == [run_id]
    assert wrong.status_code == 422, wrong.text
    assert "number" in wrong.text


def test_a_run_that_is_no_download_can_be_cancelled(household: Household, tmp_path: Path) -> None:
    """Asked to stop, it cleans up; its events end with the state."""
    _deploy(household, "doubled", "waiting")
    with household.http() as http:
        asked = http.post("/api/v1/flows/waiting/runs", json={"parameters": {"folder": str(tmp_path)}})
        run_id = asked.json()["run_id"]
        until((tmp_path / "begun").exists, "it has begun", within=30)
        assert http.post(f"/api/v1/runs/{run_id}/cancel").status_code == 202
        assert _followed(http, run_id)[-1] == "cancelled"
    assert (tmp_path / "cleaned").exists()


def test_no_secret_of_a_job_is_written_or_shown_anywhere(
    client: VidraClient, household: Household, media_site: MediaSite
) -> None:
    """API-14: what a real run signs in with is in no log, journal, database, answer or command line."""
    secrets = {"username": "ana", "password": CANARY, "video_password": CANARY, "twofactor": CANARY}
    headers = {"X-Session-Token": CANARY}
    client.start()
    job_id = client.create(media_site.url("/v/vid002.html"), **secrets, add_headers=headers)["job_id"]
    room = client.watch(job_id)
    with household.http() as http:
        shown = [http.post(f"/api/v1/sources/{name}/check").text for name in SERVERS]
        shown += [http.get(path).text for path in ("/api/v1/sources", "/api/v1/source-events", "/metrics")]
        through = {"proxy": f"http://ana:{CANARY}@127.0.0.1:1"}
        shown.append(http.post("/api/jobs", json={"urls": "http://127.0.0.1/x", "options": through}).text)
    lines = [" ".join(process.cmdline()) for process in household.shell.processes()]
    done = client.until_over(job_id)
    token = json.loads(household.status_file.read_text(encoding="utf-8"))["token"]

    assert done["status"] == "completed", done
    sent = [request.headers for request in media_site.requests("/v/vid002.html")]
    assert any(CANARY in str(headers) for headers in sent), "the run has them all the same"
    shown.append(json.dumps([done, client.side_files(job_id), room.heard]))
    assert [one for one in (CANARY, token, *SERVERS.values()) if one in "".join(shown)] == []
    assert [one for one in (CANARY, token, *SERVERS.values()) if one in "".join(lines)] == []
    assert _files_with(household.home, CANARY) == []
    assert {path.name for path in _files_with(household.home, token)} <= {
        "server_token", "startup_status.json",
    }  # fmt: skip


def _files_with(folder: Path, secret: str) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]


def test_a_client_can_stop_the_engine(household: Household) -> None:
    """Answered with 200; then everything goes in order, and `vidra up` ends with 0."""
    [engine] = household.shell.engines
    with household.http() as http:
        assert http.post("/api/shutdown").json() == {"status": "stopping"}
    engine.communicate(timeout=60)
    household.shell.engines.clear()

    assert engine.returncode == 0
    left = [p for p in household.shell.processes() if p.status() != psutil.STATUS_ZOMBIE]
    assert left == []
    log = (household.shell.data / "release_logs.txt").read_text(encoding="utf-8")
    assert "ended as it was asked to: exit code 0" in log


def _deploy(household: Household, *flows: str) -> None:
    settings = load_settings(config=household.shell.config, environ={})
    environment = engine_environment(settings)
    assert environment is not None
    declared = [
        Declaration(name=flow, entrypoint=f"tests.engine.sample_flows.{flow}", pool="vidra", parameters={})
        for flow in flows
    ]
    with applied(environment):
        asyncio.run(apply_deployments(declared))


def _followed(http: httpx.Client, run_id: str) -> list[str]:
    """Return the states of the run as its event stream tells them, to its end."""
    with http.stream("GET", f"/api/v1/runs/{run_id}/events") as reply:
        assert reply.status_code == 200, reply.read()
        told = [json.loads(line[5:]) for line in reply.iter_lines() if line.startswith("data:")]
    return [event["state"] for event in told if "state" in event]
