"""Turns yt-dlp's hooks into ticks whose figures never fall and that come at a bearable rate."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from vidra.clock import SYSTEM_CLOCK, Clock
from vidra.media.interface import Progress, ProgressSink, Stage

TICK_SECONDS: Final = 0.25
"""At least this long between two ticks of one entry; a new stage is told at once."""

_STEP_NAMES: Final = {
    "EmbedSubtitle": "embedding_subtitles",
    "EmbedThumbnail": "embedding_thumbnail",
    "FFmpegEmbedSubtitle": "embedding_subtitles",
    "FFmpegMerger": "merging",
    "FFmpegMetadata": "embedding_metadata",
    "FFmpegThumbnailsConvertor": "processing_thumbnails",
    "Merger": "merging",
    "Metadata": "embedding_metadata",
    "ThumbnailsConvertor": "processing_thumbnails",
}
"""Post-processors whose work the client contract (section 9) has a name for."""


@dataclass(slots=True)
class _Stream:
    """One file of an entry: video, audio."""

    done: int = 0
    total: int | None = None


class ProgressMeter:
    """Adds up the streams of one entry and reports them; safe to feed from several threads."""

    def __init__(self, sink: ProgressSink, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self._sink, self._clock = sink, clock
        self._lock = threading.Lock()
        self._began = clock.monotonic()
        self._last: float | None = None
        self._streams: dict[str, _Stream] = {}
        self._bytes, self._percent = 0, 0.0
        self._total: int | None = None
        self._stage, self._stage_name = Stage.IDENTIFYING, ""

    def plan(self, sizes: Mapping[str, int | None]) -> None:
        """Say which streams there will be, by format id, and how large they are thought to be."""
        with self._lock:
            self._streams = {name: _Stream(total=size) for name, size in sizes.items()}

    def enter(self, stage: Stage, name: str, message: str | None = None) -> None:
        """Report a new stage, or a new step of it."""
        with self._lock:
            if (stage, name) == (self._stage, self._stage_name):
                return
            self._stage, self._stage_name = stage, name
        self._tell(Progress(stage=stage, stage_name=name, message=message, **self._figures()))

    def step(self, post_processor: str) -> None:
        """Report the start of a post-processor."""
        name = _STEP_NAMES.get(post_processor, f"postprocessing:{post_processor}")
        self.enter(Stage.POSTPROCESSING, name)

    def fetched(self, stream: str, hook: Mapping[str, Any]) -> None:
        """Take in one of yt-dlp's progress hooks for the named stream."""
        total = hook.get("total_bytes") or hook.get("total_bytes_estimate")
        done = int(hook.get("downloaded_bytes") or 0)
        with self._lock:
            known = self._streams.setdefault(stream, _Stream())
            known.done = max(known.done, done)
            known.total = int(total) if total else known.total
            self._add_up()
            name = "downloading_fragments" if hook.get("fragment_count") else "downloading"
            is_new = (Stage.DOWNLOADING, name) != (self._stage, self._stage_name)
            self._stage, self._stage_name = Stage.DOWNLOADING, name
            now = self._clock.monotonic()
            is_due = self._last is None or now - self._last >= TICK_SECONDS
            if not (is_new or is_due):
                return
        self._tell(self._download_tick(name, known, hook))

    def finish(self, filename: str) -> None:
        """Report the end: a hundred per cent."""
        with self._lock:
            self._percent = 100.0
            self._stage, self._stage_name = Stage.COMPLETED, "completed"
        self._tell(
            Progress(stage=Stage.COMPLETED, stage_name="completed", filename=filename, **self._figures())
        )

    def _download_tick(self, name: str, stream: _Stream, hook: Mapping[str, Any]) -> Progress:
        eta = hook.get("eta")
        return Progress(
            stage=Stage.DOWNLOADING,
            stage_name=name,
            stage_percent=round(min(100.0, 100 * stream.done / stream.total), 2) if stream.total else None,
            speed=hook.get("speed"),
            eta=int(eta) if eta is not None else None,
            filename=hook.get("filename"),
            tmpfilename=hook.get("tmpfilename"),
            **self._figures(),
        )

    def _add_up(self) -> None:
        """Totals over all streams; an estimate that grows must not push the percentage back."""
        self._bytes = max(self._bytes, sum(stream.done for stream in self._streams.values()))
        totals = [stream.total for stream in self._streams.values()]
        if totals and all(totals):
            self._total = max(self._bytes, sum(total for total in totals if total))
            self._percent = max(self._percent, min(100.0, 100 * self._bytes / self._total))

    def _figures(self) -> dict[str, Any]:
        return {
            "percent": round(self._percent, 2),
            "downloaded_bytes": self._bytes or None,
            "total_bytes": self._total,
            "elapsed": round(self._clock.monotonic() - self._began, 3),
        }

    def _tell(self, tick: Progress) -> None:
        with self._lock:
            self._last = self._clock.monotonic()
        self._sink(tick)
