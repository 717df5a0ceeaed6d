"""What every credential store promises, run over memory, encrypted file and a real Secret Service."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from tests.credentials.conftest import StoreFactory
from vidra.redaction import redact

KINDS = ["token", "api_key", "username", "password", "cookies"]


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_secret_makes_the_round_trip(reopen: StoreFactory, name: str) -> None:
    """Saving something that can never be loaded again was a defect of the predecessor."""
    secret = f"sekrit-{name}-ünïcode-\n\twith lines"
    reopen().save("source:plex_1", name, SecretStr(secret))
    loaded = reopen().load("source:plex_1", name)

    assert loaded is not None
    assert loaded.get_secret_value() == secret


def test_a_secret_that_was_never_saved_is_none(reopen: StoreFactory) -> None:
    """Absence is an answer, not an error."""
    assert reopen().load("source:plex_1", "token") is None
    assert reopen().where("source:plex_1", "token") is None


def test_saving_again_replaces(reopen: StoreFactory) -> None:
    """A rotated token must not leave the old one readable."""
    for value in ("first-value", "second-value"):
        reopen().save("shim", "token", SecretStr(value))
    loaded = reopen().load("shim", "token")

    assert loaded == SecretStr("second-value")
    assert reopen().names("shim") == ["token"]


def test_scopes_do_not_see_each_other(reopen: StoreFactory) -> None:
    """Two servers of one account have two tokens."""
    reopen().save("source:a", "token", SecretStr("token-of-a"))
    reopen().save("source:b", "token", SecretStr("token-of-b"))
    reopen().delete("source:a", "token")

    assert reopen().load("source:a", "token") is None
    assert reopen().load("source:b", "token") == SecretStr("token-of-b")
    assert reopen().scopes() == ["source:b"]


def test_delete_says_whether_there_was_something(reopen: StoreFactory) -> None:
    """Deleting twice is harmless."""
    reopen().save("job:1", "password", SecretStr("hunter2-hunter2"))

    assert reopen().delete("job:1", "password") is True
    assert reopen().delete("job:1", "password") is False


def test_deleting_a_scope_removes_all_of_it(reopen: StoreFactory) -> None:
    """`source rm` leaves no secret behind, whatever kinds there were."""
    for name in KINDS:
        reopen().save("source:gone", name, SecretStr(f"value-of-{name}"))

    assert reopen().delete_scope("source:gone") == len(KINDS)
    assert [reopen().load("source:gone", name) for name in KINDS] == [None] * len(KINDS)
    assert "source:gone" not in reopen().scopes()


@pytest.mark.parametrize(
    ("scope", "name"), [("", "token"), ("a/b", "token"), ("a", "Token"), ("a", "token_file"), ("a\n", "x")]
)
def test_a_malformed_address_is_refused(reopen: StoreFactory, scope: str, name: str) -> None:
    """Names reach file contents, keyrings and environment variables: only plain ones are let in."""
    with pytest.raises(ValueError, match="credential"):
        reopen().save(scope, name, SecretStr("some-secret"))


def test_what_passes_through_is_masked_from_then_on(reopen: StoreFactory) -> None:
    """No log line may show a secret that Vidra has handled."""
    reopen().save("source:masked", "token", SecretStr("a-very-particular-token"))

    assert "particular" not in redact("request failed: a-very-particular-token was refused")


def test_the_value_does_not_show_in_a_repr(reopen: StoreFactory) -> None:
    """A traceback or a debug log prints objects."""
    reopen().save("source:repr", "token", SecretStr("never-to-be-printed"))

    assert "never" not in repr(reopen().load("source:repr", "token"))
