"""Protected profiles of a Plex Home: their PIN is asked for at a terminal, and never shown."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli.shell import Shell
from tests.cli.terminal import Terminal
from tests.servers.fake_plex_tv import FakePlexTv, connection, resource
from tests.servers.serving import served
from tests.servers.sources import PLEX_TOKEN, plex_with_library

ADD = ("source", "add", "plex", "--profile", "parent", "--secret-env", "ACCOUNT", "--id", "home")


@pytest.fixture
def account(shell: Shell) -> Iterator[Shell]:
    """Return a shell with the token of an account, whose Home has a profile with the PIN 1234."""
    fake = FakePlexTv(expires_at="2100-01-01T00:00:00Z")
    with served(plex_with_library().app()) as plex, served(fake.app(), "127.0.0.5") as plex_tv:
        ours = connection(plex.url, "127.0.0.1", local=True)
        fake.resources = [resource("machine-1", owned=True, accessToken=PLEX_TOKEN, connections=[ours])]
        shell.variables |= {
            "VIDRA_CREDENTIALS__PLACE": "file",
            "VIDRA_CONNECTIONS__PLEX_TV": plex_tv.url,
            "VIDRA_CONNECTIONS__PROBE_TIMEOUT": "1",
            "ACCOUNT": "account-token",
        }
        yield shell


def test_the_pin_is_asked_for_and_not_shown(account: Shell) -> None:
    """What is typed stays off the screen and out of every file."""
    with Terminal(account, *ADD) as terminal:
        terminal.expect("PIN of parent", 20)
        terminal.press("1234\r")
        assert terminal.end(20) == 0
        assert "1234" not in terminal.screen
    assert "home" in account.run("source", "ls").stdout
    written = [path for path in account.data.rglob("*") if path.is_file()]
    assert all(b'"1234"' not in path.read_bytes() for path in written)


def test_a_wrong_pin_is_told_and_nothing_is_stored(account: Shell) -> None:
    """With what to do, and without the PIN."""
    with Terminal(account, *ADD) as terminal:
        terminal.expect("PIN of parent", 20)
        terminal.press("4321\r")
        assert terminal.end(20) != 0
        terminal.expect("PIN", 5)
        assert "4321" not in terminal.screen
    assert "home" not in account.run("source", "ls").stdout


def test_without_anybody_to_ask_it_is_said(account: Shell) -> None:
    """In a script there is nobody to type it."""
    said = account.run(*ADD)
    assert said.returncode == 2
    assert "`parent` has a PIN" in said.stderr
