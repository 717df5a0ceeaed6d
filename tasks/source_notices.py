"""Which of the things that happened to media servers a person is told: few, and each once."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from vidra.engine.sources.checks import Checked
from vidra.engine.sources.view import connection_rows
from vidra.notices import Notice
from vidra.settings.notices import NoticeEvent
from vidra.state.source_interface import AuthState, SourceEvent, SourceEventKind


def due_notices(checked: Iterable[Checked]) -> list[Notice]:
    """Return what to tell: everything failed, it is back, the class fell, or a sign-in is needed.

    A first connection, a better one, and another address of the same class are told to nobody.
    """
    return [notice for one in checked for event in one.events if (notice := _notice(one, event)) is not None]


def _notice(checked: Checked, event: SourceEvent) -> Notice | None:
    name, kind = checked.after.name, event.event
    if kind is SourceEventKind.CONNECTION_LOST:
        return _trouble(checked, event, f"{name} cannot be reached", _what_failed(checked))
    if kind is SourceEventKind.CONNECTION_RESTORED:
        title = f"{name} is reached again"
        return _told(NoticeEvent.SERVER_UP, checked, event, title, str(event.new))
    if kind is SourceEventKind.AUTH_CHANGED and event.new == AuthState.AUTH_REQUIRED:
        remedy = f"`vidra source login {checked.after.source_id}` signs in again"
        return _trouble(checked, event, f"{name} wants a new sign-in", remedy)
    if kind is SourceEventKind.CONNECTION_CHANGED and checked.fell:
        quality = checked.standing.quality
        text = f"using a {quality} connection; {event.old} does not answer"
        return _trouble(checked, event, f"{name} is reached by a worse connection", text)
    return None


def _trouble(checked: Checked, event: SourceEvent, title: str, text: str) -> Notice:
    return _told(NoticeEvent.SERVER_DOWN, checked, event, title, text, trouble=title)


def _told(
    kind: NoticeEvent, checked: Checked, event: SourceEvent, title: str, text: str, *, trouble: str = ""
) -> Notice:
    return Notice(
        event=kind,
        subject=f"source:{checked.after.source_id}",
        title=title,
        text=text,
        at=datetime.fromisoformat(event.at),
        trouble=trouble,
    )


def _what_failed(checked: Checked) -> str:
    rows = connection_rows(checked.standing)
    return "; ".join(f"{row['uri']}: {row['problem']}" for row in rows) or "it has no address"
