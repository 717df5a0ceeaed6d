"""Sites that are left alone, as a person meets them: exit codes, `vidra status`, `vidra site`."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Vidra
from tests.cli.shell import Shell
from tests.engine.polling import wait_until


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_refusal_holds_for_all_runs_until_the_owner_says_otherwise(shell: Shell) -> None:
    """Two runs in two processes: the second asks nothing; after `site resume` the engine finishes both."""
    with shell.config.open("a", encoding="utf-8") as config:
        config.write("limits: {refusals: 1, pause: 3000, site_downloads: 1}\n")
    shell.up()
    first = shell.download(f"/p/s429x1,tag{shell.shim}/m/vid001.mp4")
    second = shell.download(f"/p/etag1,tag{shell.shim}/m/vid003.mp4")
    listed = json.loads(shell.run("site", "ls", "--json").stdout)
    status = shell.status()

    assert (first.returncode, second.returncode) == (3, 3), first.stdout + second.stdout
    assert [r.path for r in shell.site.requests(f"etag1,tag{shell.shim}")] == []
    assert [site["site"] for site in listed] == ["127.0.0.1"]
    assert status["paused_sites"] == listed

    assert shell.run("site", "resume", "127.0.0.1").returncode == 0
    wait_until(lambda: {job["status"] for job in shell.jobs()} == {"completed"}, 90)
    assert len(shell.shelf()) == 2
    assert shell.status()["paused_sites"] == []
    shell.down()


def test_without_a_pause_there_is_nothing_to_list_or_end(vidra: Vidra) -> None:
    """Nothing is made by looking."""
    assert vidra("site", "ls", "--json").out.strip() == "[]"
    ended = vidra("site", "resume", "example.org")
    assert (ended.code, "was not left alone" in ended.err) == (1, True)
