"""`vidra source` as a person or a script uses it, against servers on loopback."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Said, Vidra
from tests.servers.fake_jellyfin import PASSWORD, USER_NAME
from tests.servers.fake_plex_tv import FakePlexTv, connection, resource
from tests.servers.serving import Faulty, Served, refused_url, served
from tests.servers.sources import PLEX_TOKEN, jellyfin_with_library, plex_with_library
from vidra.credentials import Place, open_credentials
from vidra.state import open_state
from vidra.state.source_interface import Source


@pytest.fixture(autouse=True)
def quick(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 - the variables come after its own
    """Keep secrets in a file and waits short."""
    monkeypatch.setenv("VIDRA_CREDENTIALS__PLACE", "file")
    monkeypatch.setenv("VIDRA_CONNECTIONS__PROBE_TIMEOUT", "1")
    monkeypatch.setenv("VIDRA_CONNECTIONS__PATIENT_TIMEOUT", "1")


@pytest.fixture
def plex() -> Iterator[Served]:
    """Serve a Plex server."""
    with served(plex_with_library().app()) as server:
        yield server


@pytest.fixture
def plex_tv(plex: Served, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakePlexTv]:
    """Serve an account with two servers, of which ours is the owned one."""
    ours = connection(plex.url, "127.0.0.1", local=True)
    shared = connection("http://127.0.0.1:1", "127.0.0.1")
    fake = FakePlexTv(expires_at="2100-01-01T00:00:00Z")
    fake.resources = [
        resource("shared", connections=[shared]),
        resource("machine-1", owned=True, accessToken=PLEX_TOKEN, connections=[ours]),
    ]
    with served(fake.app(), "127.0.0.5") as account:
        monkeypatch.setenv("VIDRA_CONNECTIONS__PLEX_TV", account.url)
        yield fake


def sources(home: Path) -> dict[str, Source]:
    """Return what is stored."""
    with open_state(home / "data") as state:
        return {source.source_id: source for source in state.sources.list()}


def secrets(home: Path, source_id: str) -> list[str]:
    """Return the names of a source's secrets."""
    return list(open_credentials(home / "data", place=Place.FILE).names(f"source:{source_id}"))


def everything_written(home: Path, said: Said) -> str:
    """Return all output and all files, but for the vault."""
    files = [
        path for path in (home / "data").rglob("*") if path.is_file() and "credentials" not in path.parts
    ]
    return said.out + said.err + "".join(path.read_text("utf-8", "replace") for path in files)


def test_a_plex_account_is_signed_in_to_by_link_code(vidra: Vidra, plex_tv: FakePlexTv, home: Path) -> None:
    """Code and page on the error stream, the owned server chosen, its own token kept, none shown."""
    plex_tv.claimed[1] = "account-token"
    said = vidra("source", "add", "plex", "--json")
    assert said.code == 0, said.err
    assert "ABCD" in said.err
    assert "https://app.plex.tv/auth#?" in said.err
    page: dict[str, Any] = json.loads(said.out)
    assert (page["machine_id"], page["owned"], page["auth_status"]) == ("machine-1", True, "authenticated")
    assert page["connection"]["status"] == "online"
    assert secrets(home, page["source_id"]) == ["account_token", "token"]
    written = everything_written(home, said)
    assert PLEX_TOKEN not in written
    assert "account-token" not in written


def test_a_profile_of_the_plex_home_and_a_server_by_name(vidra: Vidra, plex_tv: FakePlexTv) -> None:
    """The shared server is taken only because it was named."""
    plex_tv.claimed[1] = "account-token"
    said = vidra("source", "add", "plex", "--profile", "child", "--server", "server shared", "--json")
    assert said.code == 0, said.err
    page = json.loads(said.out)
    assert (page["machine_id"], page["owned"]) == ("shared", False)
    assert page["connection"]["status"] == "offline"


def test_a_profile_or_server_nobody_has_is_refused_with_those_there_are(
    vidra: Vidra, plex_tv: FakePlexTv, home: Path
) -> None:
    """And nothing is stored."""
    plex_tv.claimed |= {1: "account-token", 2: "account-token"}
    assert "`child`" in vidra("source", "add", "plex", "--profile", "nobody").err
    refused = vidra("source", "add", "plex", "--server", "nothing")
    assert refused.code == 2
    assert "`server machine-1` (machine-1)" in refused.err
    assert not sources(home)


def test_signing_in_twice_is_one_source(vidra: Vidra, plex_tv: FakePlexTv, home: Path) -> None:
    """The same account on the same machine; another one would collide with it (D1.8)."""
    plex_tv.claimed |= {1: "account-token", 2: "account-token"}
    vidra("source", "add", "plex")
    vidra("source", "add", "plex")
    assert list(sources(home)) == ["plex-server-machine-1"]


def test_a_login_works_on_the_same_machine_only(vidra: Vidra, plex_tv: FakePlexTv, home: Path) -> None:
    """The source keeps its id; another server of the account is never taken instead."""
    plex_tv.claimed |= {1: "account-token", 2: "account-token", 3: "account-token"}
    vidra("source", "add", "plex", "--id", "attic")
    assert vidra("source", "login", "attic").code == 0
    plex_tv.resources.pop()
    gone = vidra("source", "login", "attic")
    assert gone.code == 1
    assert "machine-1" in gone.err
    assert sources(home)["attic"].machine_id == "machine-1"
    assert "token" in secrets(home, "attic")


def test_a_plex_server_by_address_and_token(
    vidra: Vidra, plex: Served, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No account is asked; the machine is the one that answers there."""
    monkeypatch.setenv("VIDRA_CONNECTIONS__PLEX_TV", refused_url())
    monkeypatch.setenv("MY_TOKEN", PLEX_TOKEN)
    said = vidra("source", "add", "plex", "--url", plex.url, "--secret-env", "MY_TOKEN", "--id", "by-hand")
    assert said.code == 0, said.err
    assert sources(home)["by-hand"].auth_status == "authenticated"
    assert PLEX_TOKEN not in everything_written(home, said)


def test_an_address_where_nobody_answers_is_not_stored(
    vidra: Vidra, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the address in the message, and the secret in none."""
    monkeypatch.setenv("MY_TOKEN", "abcdef")
    said = vidra("source", "add", "plex", "--url", refused_url(), "--secret-env", "MY_TOKEN")
    assert said.code == 1
    assert "127.0.0.1" in said.err
    assert "abcdef" not in said.err
    assert not sources(home)


def test_no_option_takes_a_secret_in_clear(vidra: Vidra) -> None:
    """Others on the machine can read command lines; scripts have files, variables and input."""
    for command in (["add", "plex"], ["add", "jellyfin"], ["login"]):
        shown = vidra("source", *command, "--help").out
        assert "--secret-file" in shown
        assert "--password" not in shown
        assert "--token TEXT" not in shown


def test_a_script_without_a_secret_is_told_how_to_give_it(vidra: Vidra) -> None:
    """Rather than waiting for an answer nobody gives."""
    said = vidra("source", "add", "jellyfin", "http://127.0.0.1:1", "--user", "anna")
    assert said.code == 2
    assert "--secret-file" in said.err


def test_jellyfin_by_password(vidra: Vidra, home: Path) -> None:
    """A wrong one stores nothing; the right one comes from a file and is kept nowhere."""
    fake = jellyfin_with_library()
    (home / "wrong").write_text("no\n")
    (home / "right").write_text(f"{PASSWORD}\n")
    with served(fake) as server:
        wrong = vidra("source", "add", "jellyfin", server.url, "--user", USER_NAME, "--secret-file", "wrong")
        assert wrong.code == 1
        assert "wrong name or password" in wrong.err
        assert not sources(home)
        right = vidra("source", "add", "jellyfin", server.url, "--user", USER_NAME, "--secret-file", "right")
        assert right.code == 0, right.err
    (source,) = sources(home).values()
    assert source.machine_id == fake.machine_id
    assert secrets(home, source.source_id) == ["token"]
    assert PASSWORD not in everything_written(home, right)


def test_jellyfin_by_quick_connect(vidra: Vidra, home: Path) -> None:
    """The code is shown; another device confirms it."""
    fake = jellyfin_with_library()
    fake.confirmed = True
    with served(fake) as server:
        said = vidra("source", "add", "jellyfin", server.url)
    assert said.code == 0, said.err
    assert "Quick Connect" in said.err
    assert len(sources(home)) == 1


def test_a_test_says_what_fails_and_forgets_nothing(vidra: Vidra, home: Path) -> None:
    """Exit code 1 for scripts; the token outlives a server that is away."""
    (home / "token").write_text(PLEX_TOKEN)
    fault = Faulty(plex_with_library().app())
    with served(fault) as server:
        vidra("source", "add", "plex", "--url", server.url, "--secret-file", "token", "--id", "home")
        assert vidra("source", "test", "home").code == 0
        fault.status = 503
        down = vidra("source", "test", "home", "--json")
    assert down.code == 1
    assert json.loads(down.out)[0]["connections"][0]["problem"]
    assert secrets(home, "home") == ["token"]
    assert "offline until" in vidra("source", "ls").out
    assert "connection-lost" in vidra("source", "show", "home").out
    assert vidra("source", "show", "Plex").code == 0  # by its name


def test_a_source_is_forgotten_with_its_secrets(vidra: Vidra, home: Path, plex: Served) -> None:
    """Only after a yes; a script has to say it beforehand."""
    (home / "token").write_text(PLEX_TOKEN)
    vidra("source", "add", "plex", "--url", plex.url, "--secret-file", "token", "--id", "home")
    assert vidra("source", "rm", "home").code == 2
    assert vidra("source", "rm", "home", "--yes").code == 0
    assert not sources(home)
    assert secrets(home, "home") == []
    unknown = vidra("source", "show", "home")
    assert unknown.code == 1
    assert "no source `home`" in unknown.err


def test_a_declared_source_goes_with_its_declaration(vidra: Vidra, home: Path) -> None:
    """Removing it by hand would bring it back at once."""
    (home / "films").mkdir()
    config = home / "vidra.yaml"
    config.write_text("sources:\n  films: {type: local, folders: [{path: films}]}\n")
    listed = json.loads(vidra("--config", str(config), "source", "ls", "--json").out)
    assert [one["source_id"] for one in listed] == ["films"]
    assert listed[0]["folders"][0]["path"] == str(home / "films")
    refused = vidra("--config", str(config), "source", "rm", "films", "--yes")
    assert refused.code == 2
    assert "sources:" in refused.err
    config.write_text("{}")
    assert json.loads(vidra("--config", str(config), "source", "ls", "--json").out) == []


def test_folders_of_this_machine(vidra: Vidra, home: Path) -> None:
    """Each becomes a library; one that is not there is refused."""
    (home / "shows").mkdir()
    said = vidra("source", "add", "local", "shows", "--kind", "shows", "--id", "here", "--json")
    assert json.loads(said.out)["folders"] == [
        {"version": 1, "path": str(home / "shows"), "name": None, "kind": "shows"}
    ]
    assert vidra("source", "add", "local", "nothing").code == 2


def test_an_address_is_pinned_while_it_answers(vidra: Vidra, home: Path, plex: Served) -> None:
    """Also one that nobody announced; one that does not answer is refused (D2.3)."""
    (home / "token").write_text(PLEX_TOKEN)
    vidra("source", "add", "plex", "--url", plex.url, "--secret-file", "token", "--id", "home")
    with served(plex_with_library().app(), "127.0.0.2") as other:
        assert vidra("source", "pin", "home", other.url).code == 0
        assert vidra("source", "pin", "home", refused_url()).code == 2
        assert vidra("source", "test", "home").code == 0
        assert sources(home)["home"].standing["primary"] == other.url
    assert vidra("source", "pin", "home").code == 0
    assert sources(home)["home"].standing["pinned"] is None


def test_ctrl_c_gives_a_sign_in_up(home: Path, plex_tv: FakePlexTv) -> None:
    """At once, and nothing is left of it."""
    started = subprocess.Popen(
        [sys.executable, "-m", "vidra.cli", "source", "add", "plex"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert started.stderr is not None
    assert "ABCD" in started.stderr.readline()
    began = time.monotonic()
    started.send_signal(signal.SIGINT)
    _, err = started.communicate(timeout=60)
    assert started.returncode == 130
    assert "Traceback" not in err
    assert time.monotonic() - began < 10
    assert not sources(home)
    assert len(plex_tv.pins) == 1


def test_an_expired_code_ends_the_wait(vidra: Vidra, plex_tv: FakePlexTv, home: Path) -> None:
    """The end is the one plex.tv names (D2.11)."""
    plex_tv.expires_at = "2026-01-01T00:00:00Z"
    said = vidra("source", "add", "plex")
    assert said.code == 1
    assert "in time" in said.err
    assert not sources(home)
