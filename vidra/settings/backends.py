"""Back ends that Vidra starts and watches, and services that it only watches."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum, unique
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from vidra.settings.constraints import Accepts, LocalPath, NonEmptyStr, Port, Seconds, Timeout
from vidra.settings.constraints import UrlPath as Route
from vidra.settings.section import Section

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_HEALTH_WORDS: Final = (
    "a route such as `/health`, or a URL with http or https and without user name and password"
)
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+\Z")  # a token of RFC 9110, 5.6.2
_TELLING_HEADER: Final = re.compile(r"(?i)auth|cookie|token|secret|password|key")
SECRET_REFERENCE: Final = re.compile(r"\{secret:([a-z][a-z0-9_]{0,63})\}")
_REFERENCE_WORDS: Final = (
    "`{secret:NAME}` in the value; put the secret into VIDRA_SECRET_BACKEND_NAME, or run "
    "`vidra backend secret NAME`"
)
_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.:-]*[A-Za-z0-9])?\Z|::1?\Z")
RESERVED: Final = frozenset({"prefect-server", "worker", "shim", "vidra", "backend_errors"})
"""Names of Vidra's own parts and of files beside the back ends' logs."""


@unique
class Handover(StrEnum):
    """How a chosen port gets to the back end without a moment in which somebody else can take it."""

    HOLD = "hold"
    """We stay bound beside it (Linux); it has to bind with SO_REUSEADDR, as most servers do."""
    DESCRIPTOR = "descriptor"
    """It gets the listening socket: `{fd}` in the command, and VIDRA_BACKEND_FD."""
    RELEASE = "release"
    """We let go just before the start; a port lost in that moment is noticed and chosen again."""


@unique
class NotifyOn(StrEnum):
    """What a person is told about."""

    CRASHED = "crashed"
    RESTARTED = "restarted"
    GAVE_UP = "gave_up"
    SLOW_START = "slow_start"
    UNHEALTHY = "unhealthy"
    RECOVERED = "recovered"
    FLAPPING = "flapping"
    STEADY_AGAIN = "steady_again"
    LEFTOVERS = "leftovers"


def _argument(value: str) -> str:
    if "\0" in value:
        raise ValueError("expected an argument without NUL")
    return value


def _program(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value or not value[0].strip():
        raise ValueError('expected a program and its arguments, such as ["api-server", "--quiet"]')
    return value


def _variable(value: str) -> str:
    if not _VARIABLE.match(value):
        raise ValueError("expected the name of an environment variable: letters, digits and `_`")
    return value


def _host(value: str) -> str:
    if not _HOST.match(value):
        raise ValueError("expected an address of this machine such as `127.0.0.1`")
    return value


def _header(value: str) -> str:
    if not _HEADER.match(value):
        raise ValueError("expected the name of a request header such as `X-Api-Key`")
    return value


def _header_value(value: str) -> str:
    if not (value.isascii() and value.isprintable()):
        raise ValueError("expected a header's value: printable ASCII characters")
    return _referring(value)


def _referring(value: str) -> str:
    if value.count("{secret:") != len(secret_names(value)):
        raise ValueError(f"expected {_REFERENCE_WORDS}")
    return value


def _without_secrets(value: str) -> str:
    if "{secret:" in value:
        raise ValueError("expected no secret: everybody on the machine can read a command line; use `env`")
    return value


def secret_names(value: str) -> list[str]:
    """Return the names of the secrets that the text refers to as `{secret:NAME}`."""
    return SECRET_REFERENCE.findall(value)


def _is_plain_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return usable and "@" not in parts.netloc


def _health(value: str) -> str:
    if value.startswith("/") and not {"?", "#"} & set(value):
        return value
    if not _is_plain_url(value):
        raise ValueError(f"expected {_HEALTH_WORDS}")
    return value


Argument = Annotated[str, AfterValidator(_argument), AfterValidator(_without_secrets)]
Value = Annotated[str, AfterValidator(_argument), AfterValidator(_referring)]
HeaderName = Annotated[NonEmptyStr, AfterValidator(_header), Accepts("the name of a request header")]
HeaderValue = Annotated[NonEmptyStr, AfterValidator(_header_value), Accepts("the value of a header")]
Command = Annotated[
    tuple[Argument, ...], AfterValidator(_program), Accepts("a list: the program, then its arguments")
]
VariableName = Annotated[NonEmptyStr, AfterValidator(_variable), Accepts("the name of a variable")]
HealthAddress = Annotated[NonEmptyStr, AfterValidator(_health), Accepts(_HEALTH_WORDS)]
BackendName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]


class BackendSettings(Section):
    """A program that Vidra starts, watches and restarts; without `command`, a service it only watches.

    ```yaml
    backends:
      pocket:
        command: [pocket-server, --quiet]
        port: auto
        health: /health
        shutdown: /api/shutdown
        env: {ELECTRON_MODE: "true", DATABASE_PATH: "{data_dir}/pocket.db"}
      plex:
        health: http://127.0.0.1:32400/identity
        restart_command: [systemctl, restart, plexmediaserver]
    ```

    `{port}`, `{host}`, `{data_dir}` and `{name}` are filled in, in the command and in `env`. In `env` and
    `health_headers`, `{secret:NAME}` is the secret of that name, which is never written into YAML: it comes
    from `VIDRA_SECRET_BACKEND_NAME` (or the same with `_FILE`), or `vidra backend secret NAME` stores it.
    """

    command: Command | None = Field(
        default=None, description="What to run, never a shell line; empty for a service we do not own."
    )
    autostart: bool = Field(default=True, description="Whether it starts together with Vidra.")
    cwd: LocalPath | None = Field(default=None, description="Folder to run it in.")
    env: Annotated[Mapping[VariableName, Value], Accepts("environment variables by name, values as text")] = (
        Field(default_factory=dict, description="Added to its environment.")
    )
    isolated: bool = Field(
        default=True,
        description="Keep our virtual environment, Python variables, user site and secrets away from it.",
    )
    port: Annotated[
        Literal["auto"] | Port | None,
        Accepts("`auto` (the first free one from `first_port` on) or a port from 1 to 65535"),
    ] = Field(default=None, description="Port it listens on; empty if it has none.")
    first_port: Port = Field(default=8000, description="First port that `auto` tries.")
    last_port: Port = Field(default=9000, description="Last port that `auto` tries.")
    host: Annotated[NonEmptyStr, AfterValidator(_host), Accepts("an address of this machine")] = Field(
        default="127.0.0.1", description="Address the port is chosen on."
    )
    port_argument: Annotated[tuple[Argument, ...], Accepts("a list of arguments")] = Field(
        default=("--port", "{port}"),
        description="Added to the command, unless that holds `{port}` or `{fd}` itself.",
    )
    port_variable: VariableName | None = Field(
        default=None, description="Environment variable that gets the port."
    )
    port_handover: Handover = Field(
        default=Handover.HOLD, description="How nobody else gets the port between choice and start."
    )
    health: HealthAddress | None = Field(
        default=None,
        description="What to ask; without it, a process that has lived for `startup_poll` is healthy.",
    )
    health_timeout: Timeout = Field(default=2.0, description="Seconds one question may take in all.")
    health_expect: Annotated[Mapping[str, str], Accepts("fields of the JSON answer and their values")] = (
        Field(default_factory=dict, description="What a healthy answer must say.")
    )
    health_headers: Annotated[
        Mapping[HeaderName, HeaderValue], Accepts("request headers by name, values as text")
    ] = Field(
        default_factory=dict,
        description="Sent with each question, such as `{Authorization: 'Bearer {secret:pocket}'}`.",
    )
    require_instance: bool = Field(
        default=False, description="Whether the answer must carry the id of this very start."
    )
    startup_poll: Timeout = Field(default=0.5, description="Seconds between two questions during the start.")
    startup_limit: Timeout = Field(default=30.0, description="Seconds a start may take.")
    startup_extension: Timeout = Field(
        default=30.0, description="Seconds that keeping on waiting adds to a start."
    )
    interval: Timeout = Field(default=30.0, description="Seconds between two questions in good health.")
    reconnect_tries: Annotated[int, Field(ge=0, le=100)] = Field(
        default=3, description="Further questions after a bad answer before it is restarted."
    )
    reconnect_interval: Timeout = Field(default=2.0, description="Seconds between those.")
    restart_delay: Seconds = Field(default=2.0, description="Seconds from a crash to the next start.")
    crash_limit: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=3, description="The crash that reaches this number in `crash_window` is the last."
    )
    crash_window: Timeout = Field(default=300.0, description="Seconds in which crashes are counted.")
    shutdown: Route | None = Field(
        default=None, description="Route that is POSTed to before signals are sent."
    )
    shutdown_grace: Seconds = Field(default=5.0, description="Seconds from that request to SIGTERM.")
    term_grace: Seconds = Field(default=2.0, description="Seconds from SIGTERM to SIGKILL.")
    log_file: LocalPath | None = Field(
        default=None, description="Where its output goes; empty means `logs/<name>.log` in the data folder."
    )
    restart_command: Command | None = Field(
        default=None, description="For a service we do not own: what to run when it does not answer."
    )
    restart_timeout: Timeout = Field(default=60.0, description="Seconds that command may take.")
    ends_with_vidra: bool = Field(
        default=False,
        description="Whether it dies with a killed Vidra, instead of being adopted by the next.",
    )
    notify: Annotated[
        tuple[NotifyOn, ...], Accepts("a list of " + ", ".join(f"`{kind}`" for kind in NotifyOn))
    ] = Field(
        default=(
            NotifyOn.RESTARTED,
            NotifyOn.GAVE_UP,
            NotifyOn.FLAPPING,
            NotifyOn.STEADY_AGAIN,
            NotifyOn.LEFTOVERS,
        ),
        description="What a person is told about.",
    )
    notify_pause: Seconds = Field(
        default=300.0, description="Seconds in which the same is not told twice about the same back end."
    )

    @model_validator(mode="after")
    def _possible(self) -> BackendSettings:
        for wrong in self._mistakes():
            raise ValueError(wrong)
        return self

    def _mistakes(self) -> list[str]:
        owned = self.command is not None
        routed = self.health is not None and self.health.startswith("/")
        checks = {
            "expected `command`, or a `health` URL of a service to watch": not owned and self.health is None,
            "expected a whole URL as `health`: without `command` there is no port of ours": not owned
            and routed,
            "expected `port`, because `health` is a route on it": owned and routed and self.port is None,
            "expected `port`, because `shutdown` is a route on it": self.shutdown is not None
            and self.port is None,
            f"expected {_REFERENCE_WORDS}, because this header of `health_headers` tells who we are": any(
                _TELLING_HEADER.search(name) and not secret_names(value)
                for name, value in self.health_headers.items()
            ),
            "expected `health`, because `health_headers` are sent to it": self.health is None
            and bool(self.health_headers),
            "expected `first_port` to be at most `last_port`": self.first_port > self.last_port,
            "expected either `command` or `restart_command`: what we start we restart ourselves": owned
            and self.restart_command is not None,
            "expected no `port` without `command`: the health URL names the port": not owned
            and self.port is not None,
        }
        return [text for text, wrong in checks.items() if wrong]


def unreserved(backends: Mapping[str, BackendSettings]) -> Mapping[str, BackendSettings]:
    """Return the back ends; raise `ValueError` for a name that Vidra's own parts and files have."""
    for name in backends:
        if name in RESERVED:
            raise ValueError(f"expected another name than `{name}`, which Vidra uses itself")
    return backends
