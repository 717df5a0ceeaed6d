"""Which address of a server is best now: scored, raced, remembered. Pure: prober and clock are injected."""

from __future__ import annotations

from vidra.connections.choice import Decision, Event, Hysteresis, decide, pin, unpin
from vidra.connections.history import History, learned
from vidra.connections.interface import (
    Candidate,
    ChangeReason,
    ConnectionClass,
    ProbeFailure,
    Prober,
    ProbeResult,
)
from vidra.connections.keeper import Keeper
from vidra.connections.probing import Limits, probe_all
from vidra.connections.race import Contest, connect, race
from vidra.connections.schedule import Cadence, backoff_seconds
from vidra.connections.score import best, score
from vidra.connections.standing import Offline, Online, Standing, Unknown

__all__ = [
    "Cadence",
    "Candidate",
    "ChangeReason",
    "ConnectionClass",
    "Contest",
    "Decision",
    "Event",
    "History",
    "Hysteresis",
    "Keeper",
    "Limits",
    "Offline",
    "Online",
    "ProbeFailure",
    "ProbeResult",
    "Prober",
    "Standing",
    "Unknown",
    "backoff_seconds",
    "best",
    "connect",
    "decide",
    "learned",
    "pin",
    "probe_all",
    "race",
    "score",
    "unpin",
]
