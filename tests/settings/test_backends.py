"""The section `backends`: what it takes, and what it refuses in which words."""

from __future__ import annotations

import pytest

from tests.settings.conftest import Load, Refusals
from vidra.settings.backends import NotifyOn


def test_a_back_end_needs_only_a_command(load: Load) -> None:
    """The defaults are the specification's: 0.5 s, 30 s, 3 tries, 2 s, 3 crashes in 300 s, 5 s and 2 s."""
    api = load("backends:\n  api: {command: [api-server]}\n").backends["api"]

    assert (api.startup_poll, api.startup_limit, api.startup_extension) == (0.5, 30.0, 30.0)
    assert (api.interval, api.reconnect_tries, api.restart_delay) == (30.0, 3, 2.0)
    assert (api.crash_limit, api.crash_window) == (3, 300.0)
    assert (api.shutdown_grace, api.term_grace) == (5.0, 2.0)
    assert (api.first_port, api.last_port, api.host) == (8000, 9000, "127.0.0.1")
    assert NotifyOn.GAVE_UP in api.notify


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", "expected `command`, or a `health` URL"),
        ("command: []", "expected a program and its arguments"),
        ("command: 'api --port 1'", "expected a list"),
        ('command: [a, "b\\0c"]', "expected an argument without NUL"),
        ("command: [a], port: 0", "expected `auto`"),
        ("command: [a], port: first", "expected `auto`"),
        ("command: [a], first_port: 9, last_port: 8", "`first_port` to be at most `last_port`"),
        ("command: [a], health: /health", "expected `port`, because `health`"),
        ("command: [a], shutdown: /bye", "expected `port`, because `shutdown`"),
        ("command: [a], port: 1, health: 'javascript:alert(1)'", "a URL with http or https"),
        ("health: 'file:///etc/passwd'", "a URL with http or https"),
        ("health: 'http://user:secret@host/'", "without user name and password"),
        ("health: /health", "expected a whole URL"),
        ("command: [a], port: 1, shutdown: 'http://elsewhere/'", "expected a URL path"),
        ("command: [a], env: {'A B': c}", "expected the name of an environment variable"),
        ("command: [a], restart_command: [b]", "expected either `command` or `restart_command`"),
        ("health: 'http://host/', port: 80", "expected no `port` without `command`"),
        ("command: [a], host: '-evil'", "expected an address of this machine"),
        ("command: [a], notify: [everything]", "expected"),
        ("command: [a, '{secret:key}']", "everybody on the machine can read a command line"),
        ("command: [a], env: {A: '{secret:Not A Name}'}", "`{secret:NAME}` in the value"),
        (
            "health: 'http://host/', health_headers: {Authorization: 'Bearer abc'}",
            "VIDRA_SECRET_BACKEND_NAME",
        ),
        ("health: 'http://host/', health_headers: {'A: b': c}", "the name of a request header"),
        ('health: "http://host/", health_headers: {X-A: "b\\r\\nX-C: d"}', "without line breaks"),
        ("command: [a], health_headers: {X-A: b}", "expected `health`, because `health_headers`"),
        ("command: [a], interval: 0", "seconds, more than 0"),
    ],
)
def test_a_wrong_back_end_is_told_what_would_be_accepted(
    refusals: Refusals, text: str, expected: str
) -> None:
    """Requirements 44, 46 and 47: arguments and addresses are checked, with the key where they stand."""
    problems = refusals(f"backends: {{api: {{{text.strip('{}') if text == '{}' else text}}}}}")

    assert problems[0].key_path.startswith("backends.api")
    assert any(expected in problem.expected for problem in problems)


@pytest.mark.parametrize("name", ["worker", "shim", "prefect-server", "backend_errors"])
def test_names_of_our_own_parts_are_taken(refusals: Refusals, name: str) -> None:
    """Two of one name would be one supervised process with two owners."""
    (problem,) = refusals(f"backends: {{{name}: {{command: [a]}}}}")

    assert "expected another name" in problem.expected


@pytest.mark.parametrize("name", ["../up", "A", "a b", "-a", "a" * 65])
def test_a_name_is_fit_for_a_file(refusals: Refusals, name: str) -> None:
    """Requirement 45: records and logs are called after it."""
    assert refusals(f"backends: {{'{name}': {{command: [a]}}}}")
