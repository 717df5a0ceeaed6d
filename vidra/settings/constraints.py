"""The kinds of value a setting can have, each with its bounds and with words for a person."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, ByteSize, Field

_OPTION = re.compile(r"[a-z][a-z0-9_]*\Z")
_RANDOM_OR_HASHED = re.compile(r"(?i)\b[rh](\(|\b)")
_HOST_AND_PORT = re.compile(
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)(:(?P<port>[0-9]{1,5}))?\Z"
)


@dataclass(frozen=True, slots=True)
class Accepts:
    """What a key takes, in words that finish the sentence `expected …`."""

    words: str


@dataclass(frozen=True, slots=True)
class Named:
    """Further environment variables a key is read from, besides `VIDRA_<SECTION>__<KEY>`."""

    variables: tuple[str, ...]

    def __init__(self, *variables: str) -> None:
        object.__setattr__(self, "variables", variables)


def _stripped_text(value: str) -> str:
    if not value.strip():
        raise ValueError("expected text that is not blank")
    if any(ord(character) < 32 for character in value):
        raise ValueError("expected text without line breaks and control characters")
    return value.strip()


def absolute(path: Path) -> Path:
    """Return the path with `~` resolved, absolute; raise `ValueError` for a home nobody has."""
    if "\0" in str(path):
        raise ValueError("expected a path without NUL")
    try:
        return path.expanduser().absolute()
    except RuntimeError as exc:
        raise ValueError("expected a path whose `~` names an existing user's home") from exc


def _not_blank(path: object) -> object:
    if isinstance(path, str) and not path.strip():
        raise ValueError("expected a path that is not blank")
    return path


def _cron(value: str) -> str:
    from croniter import croniter  # noqa: PLC0415 - 20 ms that only configurations with schedules need

    # Prefect's scheduler takes croniter's grammar without random and hashed fields.
    if _RANDOM_OR_HASHED.search(value) or not croniter.is_valid(value):
        raise ValueError("expected five cron fields such as `0 3 * * *`, or a name such as `@daily`")
    return value


def _relative_template(value: str) -> str:
    for flavour in (PurePosixPath(value), PureWindowsPath(value)):
        if flavour.is_absolute() or flavour.anchor or ".." in flavour.parts:
            raise ValueError("expected a template relative to `downloads.library`, without `..`")
    return value


def _server_path(value: str) -> str:
    if not value.startswith("/") or "?" in value or "#" in value:
        raise ValueError("expected a URL path that starts with `/`")
    return value


def _plain_url(value: str, schemes: tuple[str, ...]) -> str:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(f"expected a URL with {' or '.join(schemes)}, a host and a valid port")
    return value


def service_url(value: str) -> str:
    """Return the URL without a closing slash; raise `ValueError` unless it is http(s) without user info."""
    if "@" in urlsplit(_plain_url(value, ("http", "https"))).netloc:
        raise ValueError("expected a URL without user name and password; they belong in the environment")
    return value.rstrip("/")


def _proxy_url(value: str) -> str:
    if "@" in urlsplit(_plain_url(value, ("http", "https", "socks4", "socks5", "socks5h"))).netloc:
        raise ValueError("expected a proxy without user name and password; put those into VIDRA_PROXY")
    return value


def _option_name(value: str) -> str:
    if not _OPTION.match(value):
        raise ValueError("expected a yt-dlp option name such as `cookiefile`")
    return value


def _host_and_port(value: str) -> str:
    found = _HOST_AND_PORT.match(value)
    if found is None or not 0 < int(found["port"] or 1) < 65536:
        raise ValueError("expected `host` or `host:port`, IPv6 in brackets")
    return value.lower()


def _option_names(options: Mapping[str, Any]) -> Mapping[str, Any]:
    for name in options:
        _option_name(name)
    return options


NonEmptyStr = Annotated[str, AfterValidator(_stripped_text), Accepts("text that is not blank")]
CronText = Annotated[
    NonEmptyStr, AfterValidator(_cron), Accepts("five cron fields such as `0 3 * * *`, or `@daily`")
]
Number = Annotated[float, Field(allow_inf_nan=False)]
Port = Annotated[int, Field(ge=1, le=65535), Accepts("a port from 1 to 65535")]
Seconds = Annotated[Number, Field(ge=0), Accepts("seconds, 0 or more")]
Timeout = Annotated[Number, Field(gt=0), Accepts("seconds, more than 0")]
Bytes = Annotated[ByteSize, Accepts("bytes, or a size such as `500MB` or `2GiB`")]
LocalPath = Annotated[Path, BeforeValidator(_not_blank), AfterValidator(absolute), Accepts("a path")]
OutputTemplate = Annotated[
    NonEmptyStr,
    AfterValidator(_relative_template),
    Accepts("a yt-dlp output template relative to `downloads.library`, without `..`"),
]
UrlPath = Annotated[NonEmptyStr, AfterValidator(_server_path), Accepts("a URL path that starts with `/`")]
ServiceUrl = Annotated[
    NonEmptyStr, AfterValidator(service_url), Accepts("an http or https URL without user name and password")
]
ProxyUrl = Annotated[
    NonEmptyStr,
    AfterValidator(_proxy_url),
    Accepts("a proxy such as `socks5://host:1080`; one with a password belongs in VIDRA_PROXY"),
]
OptionName = Annotated[NonEmptyStr, AfterValidator(_option_name), Accepts("a yt-dlp option name")]
OptionMap = Annotated[Mapping[str, Any], AfterValidator(_option_names), Accepts("yt-dlp options by name")]
HostPort = Annotated[NonEmptyStr, AfterValidator(_host_and_port), Accepts("`host` or `host:port`")]
