"""What becomes of things that happen to sites, back ends and disks on the way to the channels."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from tasks.backend_notices import due_notices
from tasks.politeness import Politeness
from tasks.telling import tell
from tests.notices.receiver import Receiver
from tests.notices.test_desk import notice
from tests.notices.test_notifying import hook, secrets, settings
from vidra.engine.notices.notifying import send
from vidra.errors import SitePaused, SlowDown
from vidra.settings import Settings
from vidra.settings.backends import BackendSettings, NotifyOn
from vidra.settings.limits import LimitSettings
from vidra.settings.notices import NoticeEvent
from vidra.state import open_configured_state
from vidra.state.backend_health import BackendHappening

__all__ = ["secrets"]
AT = "2026-11-20T20:00:00.000000Z"
LOG = logging.getLogger(__name__)


def told(receiver: Receiver) -> list[tuple[str, str]]:
    """Return event and subject of everything that arrived."""
    return [(one["event"], one["subject"]) for taken in receiver.taken for one in taken.document["notices"]]


def test_back_ends_and_servers_reach_the_channels(tmp_path: Path) -> None:
    """A crash and giving up are two troubles; the end of either is one good notice."""
    kinds = (NotifyOn.CRASHED, NotifyOn.GAVE_UP, NotifyOn.RECOVERED)
    events = [
        BackendHappening(name="api", event="backend-notice", at=AT, facts={"kind": kind, "message": ""})
        for kind in kinds
    ]
    told_of = {"api": BackendSettings(command=("a",), notify=kinds)}
    away = notice(NoticeEvent.SERVER_DOWN, "source:home", trouble="away")
    with Receiver() as receiver:
        config = settings(tmp_path, hook=hook(receiver.url()))
        asyncio.run(tell(due_notices(events, told_of, {})[0], config, LOG))
        asyncio.run(tell([away], config, LOG))
    down, up = ("server_down", "backend:api"), ("server_up", "backend:api")
    assert told(receiver) == [down, down, up, ("server_down", "source:home")]


async def _refused_and_freed(config: Settings) -> None:
    with open_configured_state(config.storage) as state:
        politeness = Politeness(config, state, flow_run_id="r", say=LOG.warning)
        with pytest.raises(SlowDown):
            async with politeness.asking("http://127.0.0.1/x", who=1):
                raise SlowDown("not a bot", retry_after=None)
        for _ in range(100):
            try:
                async with politeness.asking("http://127.0.0.1/x", who=1):
                    break
            except SitePaused:
                await asyncio.sleep(0.05)
        politeness.close()


def test_a_site_that_refuses_is_told_once_and_when_it_answers_again(tmp_path: Path) -> None:
    """At the end of the run; the site is named, and why."""
    with Receiver() as receiver:
        limits = LimitSettings(refusals=1, pause=1.0)
        config = settings(tmp_path, hook=hook(receiver.url())).model_copy(update={"limits": limits})
        asyncio.run(_refused_and_freed(config))
        assert receiver.taken == []
        send([], config)
    site = told(receiver)[0][1]
    assert site.startswith("site:")
    assert told(receiver) == [("site_blocked", site), ("site_freed", site)]
    assert "not a bot" in receiver.taken[0].body.decode()
