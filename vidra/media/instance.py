"""A `YoutubeDL` that fetches through the guard, tells what it does, and can be stopped.

Overridden are the few methods all work goes through: `urlopen` for every request, `process_info` for
every chosen format, `dl` for every file. What happens there is decided by the `Attempt` at hand.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from yt_dlp import YoutubeDL
from yt_dlp.globals import plugin_dirs
from yt_dlp.networking.common import Request
from yt_dlp.networking.exceptions import HTTPError

from vidra.errors import Missing, Refused, TryLater, VidraError
from vidra.media.addresses import NetworkPolicy
from vidra.media.extractors import first_suitable, known_extractors
from vidra.media.failures import Phase, by_status, retry_after
from vidra.media.foreign import Foreign
from vidra.media.generic import LeanGenericIE
from vidra.media.head_start import HeadStart
from vidra.media.interface import StopSignal
from vidra.media.interruption import Interrupter, WatchfulGuard
from vidra.media.origin import Origin, Validators
from vidra.media.probing import probe_without_ffprobe
from vidra.media.progress import ProgressMeter
from vidra.media.quiet import hush_progress
from vidra.media.steps import use_own_steps
from vidra.media.transport import attach_guard
from vidra.media.verification import check_arrival

_YoutubeDL: Foreign = YoutubeDL

STEM_FIELD = "__vidra_stem"
"""Field of the info dict that names work files; yt-dlp keeps fields named like this out of info JSON."""

FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 2.0
"""Seconds between yt-dlp's own resumptions, doubling; beyond its retries the caller backs off properly."""

OnChosen = Callable[[dict[str, Any]], None]


@dataclass(kw_only=True)
class Attempt:
    """One call into yt-dlp: who may stop it, who listens, and what is known about it so far."""

    stop: StopSignal
    meter: ProgressMeter | None = None
    on_chosen: OnChosen | None = None
    on_size: Callable[[int], None] | None = None
    """Hears how large a file is when its server says so, before a byte of it is written."""
    phase: Phase = Phase.EXTRACTING
    extractor: str | None = None
    last_status: int | None = None
    finished: list[dict[str, Any]] = field(default_factory=list)
    """Info dicts of what was downloaded, post-processed and all."""
    failures: list[str] = field(default_factory=list)
    stream: str | None = None
    """Format id of the file being fetched; None for subtitles and pictures."""
    origin: Origin | None = None
    file_url: str | None = None


class Instance(_YoutubeDL):  # type: ignore[misc]  # yt-dlp ships no types
    """yt-dlp as one media session uses it; one thread at a time."""

    is_hushed = True
    """Progress is told by hooks only."""

    def __init__(
        self, params: Mapping[str, Any], *, network: NetworkPolicy, interrupter: Interrupter
    ) -> None:
        hush_progress()
        plugin_dirs.value = []  # code from a user's plugin folder does not run here (SEC-05)
        self.interrupter = interrupter
        self.absent_pictures: set[str] = set()
        """Addresses that gave no picture; not asked again."""
        self._last_extractor: str | None = None
        self._knows_all = False
        self._head_start = HeadStart()
        self.attempt = Attempt(stop=StopSignal())
        pauses = {"http": self._breathe, "fragment": self._breathe}
        given = {"retry_sleep_functions": pauses, **params}
        super().__init__(given, auto_init="no_verbose_header")
        use_own_steps(self)
        probe_without_ffprobe(self)
        guard = attach_guard(self, network)
        watchful = WatchfulGuard(policy=guard.policy, resolver=guard.resolver, interrupter=interrupter)
        for handler in self._request_director.handlers.values():
            handler.guard = watchful
        self.add_progress_hook(self._on_progress)
        self.add_postprocessor_hook(self._on_step)

    def urlopen(self, req: Foreign) -> Foreign:
        """Send a request, unless stopped; note what was refused, and watch over resumed files."""
        attempt = self.attempt
        attempt.stop.raise_if_set()
        is_file = self._is_the_file(req)
        if is_file and (begun := self._head_start.take(req, usual=self.params["http_headers"])):
            return self._checked_origin(req, begun)
        try:
            response = super().urlopen(req)
        except HTTPError as error:
            self.interrupter.add_response(error.response)
            response = self._after_refusal(req, error)
        else:
            attempt.last_status = None
        self.interrupter.add_response(response)
        if is_file:
            return self._checked_origin(req, response)
        if attempt.phase is Phase.EXTRACTING and isinstance(req, Request):
            self._head_start.keep(req, response)
        return response

    def process_info(self, info_dict: dict[str, Any]) -> None:
        """Download one chosen format, or a pair of them to merge."""
        attempt = self.attempt
        attempt.phase, attempt.extractor = Phase.DOWNLOADING, info_dict.get("extractor")
        if attempt.on_chosen:
            attempt.on_chosen(info_dict)
        super().process_info(info_dict)
        if info_dict.get("filepath"):
            attempt.finished.append(dict(info_dict))  # yt-dlp empties its own afterwards

    def add_default_info_extractors(self) -> None:
        """Know what yt-dlp would; what all sessions share is not copied."""
        if "allowed_extractors" in self.params:
            super().add_default_info_extractors()
            return
        self._ies = ChainMap({}, known_extractors())  # an extractor in use is put before its class
        self._knows_all = True

    def extract_info(
        self, url: str, download: bool = True, ie_key: str | None = None, **more: Any
    ) -> Foreign:
        """Do as yt-dlp does, having found the extractor more quickly."""
        if self._knows_all and not ie_key and not more.get("force_generic_extractor"):
            ie_key = first_suitable(url)
        return super().extract_info(url, download, ie_key, **more)

    @property
    def extractor_at_work(self) -> str | None:
        """Name of the extractor that was asked last; for saying whose code crashed."""
        return self._last_extractor

    def get_info_extractor(self, ie_key: str) -> Foreign:
        """Return an extractor, and remember that it is its turn."""
        self._last_extractor = ie_key
        if self._knows_all and ie_key == "Generic" and isinstance(self._ies.get(ie_key), type):
            self.add_info_extractor(LeanGenericIE())
        return super().get_info_extractor(ie_key)

    def _forceprint(self, key: str, info_dict: dict[str, Any] | None) -> dict[str, Any] | None:
        """Print nothing: no option asks for it, and yt-dlp would make tables and names all the same."""
        del key
        return None if info_dict is None else dict(info_dict)

    def save_cookies(self) -> None:
        """Leave the owner's cookie file as it is; yt-dlp would rewrite it with what this session got."""

    def is_filtered(self, child: Mapping[str, Any]) -> bool:
        """Whether the options' filters already reject a list entry by what the list says of it."""
        return self._match_entry(dict(child), incomplete=True, silent=True) is not None

    def dl(self, name: str, info: dict[str, Any], subtitle: bool = False, test: bool = False) -> Foreign:
        """Fetch one file, and look at once whether it is what it should be."""
        attempt = self.attempt
        if subtitle or test:
            return super().dl(name, info, subtitle, test)
        attempt.stream, attempt.file_url = str(info.get("format_id")), info.get("url")
        attempt.origin = Origin(Path(f"{name}.part"))
        attempt.origin.drop_fragments()
        try:
            outcome = super().dl(name, info)
            if outcome[0] and Path(name).is_file():
                check_arrival(Path(name), announced=self._announced(info))
        finally:
            attempt.stream = attempt.origin = attempt.file_url = None
        return outcome

    def _announced(self, info: Mapping[str, Any]) -> int | None:
        """Return the size a page promised, where the file's own server promised none.

        Pages are wrong more often than servers, so a `Content-Length` beats them.
        """
        kept = self.attempt.origin.recall() if self.attempt.origin else None
        return info.get("filesize") if kept and kept.size is None else None

    def _is_the_file(self, req: Foreign) -> bool:
        return (
            isinstance(req, Request) and self.attempt.origin is not None and req.url == self.attempt.file_url
        )

    def _after_refusal(self, req: Foreign, error: Foreign) -> Foreign:
        """Note the status; find a way on for a file, or raise what the refusal means."""
        attempt = self.attempt
        if attempt.phase is Phase.DOWNLOADING and attempt.stream is not None:
            attempt.last_status = error.status
        if not self._is_the_file(req):
            raise self._fragment_refusal(req, error) or error
        if error.status == 416:
            return self._after_end(req, error)
        meaning = by_status(error.status, str(error), url=req.url, after=retry_after(error.response.headers))
        if isinstance(meaning, TryLater):
            # yt-dlp would ask again at once, eleven times; waiting is for whoever can wait.
            raise meaning from error
        raise error

    def _fragment_refusal(self, req: Foreign, error: Foreign) -> VidraError | None:
        """Return what to fail with at once where yt-dlp would ask ten times for a fragment that is gone.

        So it would where it is told to slow down (429). Servers in trouble (5xx) are left to its
        retries: one of a thousand fragments may well falter.
        """
        if self.attempt.stream is None or self.params.get("skip_unavailable_fragments"):
            return None
        after = retry_after(error.response.headers)
        meaning = by_status(error.status, f"a fragment was refused: {error}", url=req.url, after=after)
        return meaning if isinstance(meaning, (Missing, Refused)) or error.status == 429 else None

    def _after_end(self, req: Foreign, error: Foreign) -> Foreign:
        """Deal with `range not satisfiable`: the part is whole already, or the file has become shorter.

        yt-dlp has the same idea, but its second request carries the range again: the headers object
        is shared. Taking the range out of it is what lets yt-dlp finish the part.
        """
        start = _range_start(req)
        req.headers.pop("Range", None)
        response = super().urlopen(Request(req.url, req.data, dict(req.headers)))
        seen = Validators.of(response.headers)
        if seen.size == start and self._file_origin.continues(seen):
            response.close()
            raise error
        return response

    def _checked_origin(self, req: Foreign, response: Foreign) -> Foreign:
        """Keep or compare what the server says of the file; ask for all of it if it is another one."""
        seen, start = Validators.of(response.headers), _range_start(req)
        if start and response.status == 206 and not self._file_origin.continues(seen):
            self.to_screen("[download] The part is not of the file the server has now: starting anew")
            response.close()
            req.headers.pop("Range", None)
            response = super().urlopen(Request(req.url, req.data, dict(req.headers)))
            self.interrupter.add_response(response)
            seen = Validators.of(response.headers)
        if response.status != 206 or not start:
            self._file_origin.begin(seen)
        if seen.size and self.attempt.on_size:
            self.attempt.on_size(seen.size)
        return response

    @property
    def _file_origin(self) -> Origin:
        assert self.attempt.origin is not None  # noqa: S101 - callers have asked `_is_the_file`
        return self.attempt.origin

    def _breathe(self, n: int) -> float:
        """Wait a moment before a broken connection is resumed; yt-dlp's own sleep could not be stopped."""
        self.attempt.stop.wait(min(FIRST_PAUSE * 2**n, LONGEST_PAUSE))
        self.attempt.stop.raise_if_set()
        return 0

    def _on_progress(self, hook: Mapping[str, Any]) -> None:
        attempt = self.attempt
        attempt.stop.raise_if_set()
        if attempt.meter and attempt.stream is not None:
            attempt.meter.fetched(attempt.stream, hook)

    def _on_step(self, hook: Mapping[str, Any]) -> None:
        attempt = self.attempt
        attempt.stop.raise_if_set()
        if attempt.meter and hook.get("status") == "started" and hook["postprocessor"] != "MoveFiles":
            attempt.meter.step(hook["postprocessor"])


def _range_start(req: Foreign) -> int:
    """Return the first byte a request asks for."""
    text = str(req.headers.get("Range") or "")
    digits = text.removeprefix("bytes=").partition("-")[0]
    return int(digits) if digits.isdigit() else 0
