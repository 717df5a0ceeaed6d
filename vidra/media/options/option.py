"""One download option as Vidra knows it: a row of the table."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum, unique

from vidra.media.options.kinds import Kind, anything


@unique
class Access(StrEnum):
    """Who may use an option."""

    ALLOWED = "allowed"
    """Anybody with a token: typed, bounded, harmless."""
    OWNER = "owner-only"
    """The owner's own configuration; jobs only if he names it in `downloads.allow_options`."""
    IGNORED = "ignored"
    """Accepted and left unused, because Vidra sees to the matter itself; a note says so."""
    NEVER = "never"
    """Nobody: it runs programs, reads files or opens the network past our guard."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Option:
    """A download option: its names, its values, who may use it, and what it is to yt-dlp."""

    name: str
    """The client contract's name if it has one, else yt-dlp's API name."""
    kind: Kind
    access: Access = Access.ALLOWED
    also: tuple[str, ...] = ()
    """Further names: yt-dlp's API and command-line names."""
    inverse: tuple[str, ...] = ()
    """Names that mean the opposite, for flags."""
    param: str | None = None
    """yt-dlp parameter that takes the plain value as it stands; None where code composes it."""
    reason: str = ""
    """Why it is not simply allowed; for a person."""
    remedy: str | None = None
    """What to do instead; for a person."""
    secret: bool = False
    """The value is never shown."""
    owner_only_values: tuple[object, ...] = ()
    """Values that are left unused when they come from a job: only the owner may weaken this."""


def allowed(
    name: str, kind: Kind, *also: str, param: str | None = None, inverse: tuple[str, ...] = ()
) -> Option:
    """Make a row for an option that everybody may use."""
    return Option(name=name, kind=kind, also=also, param=param, inverse=inverse)


def owner(
    name: str, kind: Kind, *also: str, reason: str, param: str | None = None, secret: bool = False
) -> Option:
    """Make a row for an option of the owner."""
    return Option(
        name=name, kind=kind, also=also, param=param, access=Access.OWNER, reason=reason, secret=secret
    )


def never(*names: str, reason: str, remedy: str | None = None) -> Option:
    """Make a row for an option that nobody may use."""
    first, *also = names
    return Option(
        name=first, kind=anything(), also=tuple(also), access=Access.NEVER, reason=reason, remedy=remedy
    )


def ignored(*names: str, reason: str) -> Option:
    """Make a row for an option that is accepted and left unused."""
    first, *also = names
    return Option(name=first, kind=anything(), also=tuple(also), access=Access.IGNORED, reason=reason)


def plain_name(name: str) -> str:
    """Return the name in snake_case: `playlistItems`, `--playlist-items` and `playlist_items` are one."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip().lstrip("-"))
    return snake.replace("-", "_").lower()
