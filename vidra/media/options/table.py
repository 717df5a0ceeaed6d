"""The allow-list: every option Vidra knows, one row each. What has no row is refused.

Rows carry the names and types of the client contract (68 keys) and of yt-dlp's API.
"""

from __future__ import annotations

from types import MappingProxyType

from vidra.media.options.option import Option
from vidra.media.options.rows_closed import CLOSED_ROWS
from vidra.media.options.rows_media import MEDIA_ROWS
from vidra.media.options.rows_transfer import TRANSFER_ROWS

ROWS: tuple[Option, ...] = (*MEDIA_ROWS, *TRANSFER_ROWS, *CLOSED_ROWS)

OPTIONS = MappingProxyType({row.name: row for row in ROWS})
"""Every option by its own name."""
NAMES = MappingProxyType({name: row for row in ROWS for name in (row.name, *row.also, *row.inverse)})
"""Every option by every name it goes by."""
SECRET_OPTIONS = frozenset(name for name, row in NAMES.items() if row.secret)
"""Names whose values must not be shown or logged."""
