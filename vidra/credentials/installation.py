"""The random name of this installation: what Plex calls the client identifier and Jellyfin the device id."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

from vidra.credentials.private_files import create_private, ensure_private_folder
from vidra.errors import CredentialError


def installation_id(data_dir: Path) -> str:
    """Return this installation's id, 32 hex digits; made at the first call and the same ever after.

    Servers tie sign-ins and devices to it, and keyring entries carry it, so that two data folders
    of one person do not overwrite each other's secrets. Kept in `<data_dir>/installation_id`.
    """
    path = data_dir / "installation_id"
    try:
        ensure_private_folder(data_dir)
        text = create_private(path, f"{uuid.uuid4().hex}\n".encode()).decode("ascii", "replace").strip()
    except OSError as exc:
        raise CredentialError(f"{path}: cannot be read or created: {exc}") from exc
    if not re.fullmatch(r"[0-9a-f]{32}", text):
        raise CredentialError(
            f"{path}: expected 32 hex digits; remove the file to get a new id and sign in again"
        )
    return text
