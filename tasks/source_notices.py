"""Which of the things that happened to media servers a person is told: few, and each once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tasks.reporting import RunLogger
from vidra.clock import SYSTEM_CLOCK
from vidra.engine.notices.notifying import asend
from vidra.engine.sources.checks import Checked
from vidra.engine.sources.view import connection_rows
from vidra.notices import Notice
from vidra.redaction import redact
from vidra.settings import Settings
from vidra.settings.notices import NoticeEvent
from vidra.state.source_interface import AuthState, SourceEvent, SourceEventKind


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceNotice:
    """Something about a media server that a person wants to be told."""

    source_id: str
    title: str
    text: str
    good: bool = False
    """Whether it is over."""


def due_notices(checked: Iterable[Checked]) -> list[SourceNotice]:
    """Return what to tell: everything failed, it is back, the class fell, or a sign-in is needed.

    A first connection, a better one, and another address of the same class are told to nobody.
    """
    return [notice for one in checked for event in one.events if (notice := _notice(one, event)) is not None]


async def send(notices: Sequence[SourceNotice], settings: Settings, logger: RunLogger) -> None:
    """Tell the owner through the channels, and in the run's log."""
    for notice in notices:
        logger.warning("%s: %s", notice.title, notice.text)
    await asend([_for_channels(notice) for notice in notices], settings)


def _for_channels(notice: SourceNotice) -> Notice:
    return Notice(
        event=NoticeEvent.SERVER_UP if notice.good else NoticeEvent.SERVER_DOWN,
        subject=f"source:{notice.source_id}",
        title=notice.title,
        text=notice.text,
        at=SYSTEM_CLOCK.now(),
        trouble="" if notice.good else notice.title,
    )


def _notice(checked: Checked, event: SourceEvent) -> SourceNotice | None:
    name, kind = checked.after.name, event.event
    if kind is SourceEventKind.CONNECTION_LOST:
        return _told(checked, f"{name} cannot be reached", _what_failed(checked))
    if kind is SourceEventKind.CONNECTION_RESTORED:
        return _told(checked, f"{name} is reached again", str(event.new), good=True)
    if kind is SourceEventKind.AUTH_CHANGED and event.new == AuthState.AUTH_REQUIRED:
        remedy = f"`vidra source login {checked.after.source_id}` signs in again"
        return _told(checked, f"{name} wants a new sign-in", remedy)
    if kind is SourceEventKind.CONNECTION_CHANGED and checked.fell:
        quality = checked.standing.quality
        text = f"using a {quality} connection; {event.old} does not answer"
        return _told(checked, f"{name} is reached by a worse connection", text)
    return None


def _told(checked: Checked, title: str, text: str, *, good: bool = False) -> SourceNotice:
    return SourceNotice(source_id=checked.after.source_id, title=title, text=redact(text), good=good)


def _what_failed(checked: Checked) -> str:
    rows = connection_rows(checked.standing)
    return "; ".join(f"{row['uri']}: {row['problem']}" for row in rows) or "it has no address"
