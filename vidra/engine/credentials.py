"""The password between Vidra's own processes and the Prefect server that Vidra starts."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

from vidra.errors import EngineError
from vidra.redaction import register_secret

USER: Final = "vidra"
FILE_NAME: Final = "auth"


def auth_string(home: Path) -> str:
    """Return `user:password` of the server that lives in this folder; made at the first call.

    The folder is created 0700 and the file 0600. The password is registered with `vidra.redaction`.
    Raises `EngineError` when the file holds something else or others may read it.
    """
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    home.chmod(0o700)
    path = home / FILE_NAME
    if not path.exists():
        _create(path)
    text = path.read_text("utf-8").strip()
    user, colon, password = text.partition(":")
    if not (user and colon and password):
        raise EngineError(f"{path} must hold `user:password` on one line; delete it to have it made again")
    if os.name == "posix" and path.stat().st_mode & 0o077:
        raise EngineError(f"{path} holds a password and is readable by others; run `chmod 600 {path}`")
    register_secret(password)
    register_secret(text)
    return text


def _create(path: Path) -> None:
    # Written aside and linked into place: two processes may do this at once, and nobody may see half of it.
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(
        os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
    ) as file:
        file.write(f"{USER}:{secrets.token_urlsafe(32)}\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(aside, path)
    except FileExistsError:
        pass  # another process was quicker; its password counts
    finally:
        aside.unlink()
