"""Masks secrets in every log record before any handler sees it."""

from __future__ import annotations

import logging

from vidra.redaction import redact


class Masking(logging.Filter):
    """Replaces known secrets, and values that are named like one, in a record's text."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask the record; always let it through."""
        record.msg, record.args = redact(record.getMessage()), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
        return True


def mask_secrets(logger: logging.Logger) -> None:
    """Mask what the logger's handlers write."""
    for handler in logger.handlers:
        handler.addFilter(Masking())
