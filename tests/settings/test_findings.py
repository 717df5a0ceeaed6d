from __future__ import annotations

import pytest

from tests.settings.conftest import Load, Refusals


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("server: {port: 0}", "expected a port from 1 to 65535"),
        ("server: {port: true}", "expected a number"),
        ("server: {base_path: api}", "expected a URL path that starts with `/`"),
        ("server: {name: ''}", "expected text that is not blank"),
        ("server: {name: 5}", "expected text that is not blank"),
        ("server: {debug: maybe}", "expected true or false"),
        ("server: {metadata: [1]}", "expected an object of any keys (JSON in a variable)"),
        ("storage: {data_dir: ''}", "expected a path that is not blank"),
        ("storage: {data_dir: ~nobody-of-this-name/x}", "whose `~` names an existing user's home"),
        ("storage: {lock_timeout: 0}", "expected seconds, more than 0"),
        ("storage: {lock_timeout: .inf}", "expected seconds, more than 0"),
        ("downloads: {concurrency: 65}", "expected a whole number from 1 to 64"),
        ("downloads: {concurrency: 2.5}", "expected a whole number from 1 to 64"),
        ("downloads: {retry_backoff: 0.5}", "expected a number from 1 to 10"),
        ("downloads: {free_space_floor: lots}", "expected bytes, or a size such as `500MB` or `2GiB`"),
        ("downloads: {free_space_floor: -1}", "expected bytes, or a size such as `500MB` or `2GiB`"),
        ("downloads: {roots: /a}", "expected a list of folders"),
        ("downloads: {output: ../%(title)s}", "without `..`"),
        ("downloads: {output: /abs/%(title)s}", "expected a template relative to `downloads.library`"),
        ("downloads: {output: 'C:\\x'}", "expected a template relative to `downloads.library`"),
        ("downloads: {options: {--exec: x}}", "expected a yt-dlp option name"),
        ("downloads: {allow_options: [cookie file]}", "expected a yt-dlp option name"),
        ("network: {allowed_addresses: ['http://nas']}", "expected `host` or `host:port`"),
        ("network: {allowed_addresses: ['nas:70000']}", "expected `host` or `host:port`"),
        ("network: {proxy: 'ftp://h'}", "expected a URL with http or https or socks4"),
        ("network: {proxy: 'http://u:geheim@h:1'}", "put those into VIDRA_PROXY"),
        ("engine: {api_url: 'nonsense'}", "expected a URL with http or https"),
        ("engine: {api_url: 'http://h:0/api'}", "a valid port"),
        ("engine: {api_url: 'http://u:geheim@h/api'}", "belong in the environment"),
        ("presets: {Big: {}}", "expected a name of small letters"),
        ("presets: []", "expected presets by name"),
        ("downloads: []", "expected keys and values"),
    ],
)
def test_a_wrong_value_is_told_what_would_be_accepted(refusals: Refusals, text: str, expected: str) -> None:
    """One problem, in the words the reference uses; passwords never show."""
    (problem,) = refusals(text)
    assert expected in problem.expected
    assert "geheim" not in str(problem)


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("dwonloads: {}", "downloads"),
        ("downloads: {concurency: 1}", "downloads.concurrency"),
        ("downloads: {temp-dir: /x}", "downloads.temp_dir"),
        ("downloads: {Preset: x}", "downloads.preset"),
        ("presets: {a: {desription: x}}", "presets.a.description"),
        ("server: {log_level: wraning}", "warning"),
        ("server: {scheme: HTTPS}", "https"),
        ("free_space_floor: 1GB", "downloads.free_space_floor"),
        ("downloads: {port: 5}", "server.port"),
        ("zzz: 1", None),
    ],
)
def test_the_right_name_is_suggested(refusals: Refusals, text: str, suggestion: str | None) -> None:
    """Slips of spelling, case and section are recognised."""
    (problem,) = refusals(text)
    assert problem.suggestion == suggestion


@pytest.mark.parametrize("text", ["server: {token: s3cr3t-s3cr3t}", "server: {tokn: s3cr3t-s3cr3t}"])
def test_a_secret_in_the_file_is_refused_and_masked(refusals: Refusals, text: str) -> None:
    """Secrets live in the environment; the message says so and does not repeat them."""
    (problem,) = refusals(text)
    assert "s3cr3t" not in str(problem)
    assert "VIDRA_SERVER_TOKEN" in problem.expected or "tokn" in text


@pytest.mark.parametrize(
    "channel",
    ["apprise: tgram://s3cr3t-s3cr3t/1", "webhook: http://u:s3cr3t-s3cr3t@h/", "apprise: {a: s3cr3t-s3cr3t}"],
)
def test_the_address_of_a_channel_is_never_repeated(refusals: Refusals, channel: str) -> None:
    """It holds a token more often than not."""
    assert "s3cr3t" not in str(refusals(f"notifications: {{channels: {{phone: {{{channel}}}}}}}"))


def test_a_problem_reads_as_one_line(refusals: Refusals) -> None:
    """File, line, key, what is accepted, what was found, what was meant."""
    (problem,) = refusals("server:\n  log_level: inof\n")
    assert str(problem).partition("vidra.yaml")[2] == (
        ":2: server.log_level: expected one of `critical`, `error`, `warning`, `info`, `debug`, `trace`, "
        "got 'inof'; did you mean `info`?"
    )


def test_long_values_are_cut(refusals: Refusals) -> None:
    """A pasted file does not bury the message."""
    (problem,) = refusals(f"server: {{port: {'x' * 5000}}}")
    assert len(str(problem)) < 600


@pytest.mark.parametrize(
    ("text", "bytes_"),
    [("500MB", 500_000_000), ("2GiB", 2 << 30), ("1024", 1024), ("0", 0), ("1.5 kB", 1500)],
)
def test_sizes_are_bytes_or_bytes_with_a_unit(load: Load, text: str, bytes_: int) -> None:
    """Decimal and binary units mean what they say."""
    assert load(f"downloads: {{free_space_floor: {text}}}").downloads.free_space_floor == bytes_


@pytest.mark.parametrize("address", ["NAS.home.arpa", "nas:8080", "192.168.1.5", "[fd00::1]:80", "[fd00::1]"])
def test_private_hosts_can_be_allowed(load: Load, address: str) -> None:
    """Names and addresses, with or without port, in small letters."""
    settings = load(f"network: {{allowed_addresses: ['{address}']}}")
    assert settings.network.allowed_addresses == (address.lower(),)
