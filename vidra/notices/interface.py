"""What a person can be told, and which channel wants to hear it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any, Final, Self

from vidra.clock import iso
from vidra.redaction import redact
from vidra.settings.notices import ChannelSettings, NoticeEvent

ENDS: Final[Mapping[NoticeEvent, NoticeEvent]] = {
    NoticeEvent.RECOVERED: NoticeEvent.FAILED,
    NoticeEvent.SITE_FREED: NoticeEvent.SITE_BLOCKED,
    NoticeEvent.SERVER_UP: NoticeEvent.SERVER_DOWN,
}
"""Good news, and the trouble that it ends."""
NEWS: Final = frozenset({NoticeEvent.DOWNLOADED, NoticeEvent.REMOVED})
"""What is told each time: it is no trouble that could repeat itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """Something that happened. Texts are masked when the notice is made."""

    event: NoticeEvent
    subject: str
    """`subscription:NAME`, `job:ID`, `site:HOST`, `backend:NAME`, `source:ID` or `flow:NAME`."""
    title: str
    text: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """For programs; JSON values only."""
    at: datetime
    trouble: str = ""
    """Tells troubles of one event and subject apart: `crashed` and `gave_up` of a back end."""
    channels: Sequence[str] | None = None
    """Only these channels, as the subscription wants it; None: all."""

    def __post_init__(self) -> None:
        """Mask what must not leave the process."""
        object.__setattr__(self, "title", redact(self.title))
        object.__setattr__(self, "text", redact(self.text))
        object.__setattr__(self, "facts", {key: _masked(value) for key, value in self.facts.items()})

    def to_json(self) -> dict[str, Any]:
        """Return what programs get and what is kept until it is delivered."""
        return {
            "event": self.event.value,
            "subject": self.subject,
            "title": self.title,
            "text": self.text,
            "facts": dict(self.facts),
            "at": iso(self.at),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Return the notice that `to_json` gave."""
        return cls(
            event=NoticeEvent(document["event"]),
            subject=document["subject"],
            title=document["title"],
            text=document["text"],
            facts=document["facts"],
            at=datetime.fromisoformat(document["at"]),
        )


def is_about(notice: Notice, name: str, channel: ChannelSettings) -> bool:
    """Whether the channel of this name is to be told, going by the owner's rules."""
    return (
        (not channel.events or notice.event in channel.events)
        and (not channel.subjects or any(fnmatchcase(notice.subject, one) for one in channel.subjects))
        and (notice.channels is None or name in notice.channels)
    )


def _masked(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {key: _masked(one) for key, one in value.items()}
    return [_masked(one) for one in value] if isinstance(value, list | tuple) else value
