"""Hands yt-dlp's lines to the job's log, with secrets masked; nothing is ever printed."""

from __future__ import annotations

import re

from vidra.media.interface import LogLevel, LogSink
from vidra.redaction import redact

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_USUAL = "Falling back on generic information extractor"
_PREFIX = re.compile(r"^(?:WARNING|ERROR): ")


class SessionLog:
    """The object yt-dlp takes as its `logger`."""

    def __init__(self, sink: LogSink) -> None:
        self._sink = sink

    def debug(self, message: str) -> None:
        """Take yt-dlp's ordinary lines, and its debugging ones, which it marks."""
        is_debug = message.startswith("[debug] ")
        self._pass_on(LogLevel.DEBUG if is_debug else LogLevel.INFO, message.removeprefix("[debug] "))

    def info(self, message: str) -> None:
        """Take a line for people."""
        self._pass_on(LogLevel.INFO, message)

    def warning(self, message: str, **_: object) -> None:
        """Take a warning; one that comes with every page outside the known sites is none."""
        level = LogLevel.DEBUG if _USUAL in message else LogLevel.WARNING
        self._pass_on(level, message)

    def error(self, message: str) -> None:
        """Take an error: a warning here, because whoever handles the exception decides how bad it is."""
        self._pass_on(LogLevel.WARNING, message)

    def _pass_on(self, level: LogLevel, message: str) -> None:
        for line in _COLOUR.sub("", message).replace("\r", "\n").splitlines():
            if text := _PREFIX.sub("", line).strip():
                self._sink(level, redact(text))
