"""Where secrets live: the system keyring, else an encrypted file; containers give theirs by environment."""

from __future__ import annotations

from vidra.credentials.installation import installation_id
from vidra.credentials.interface import CredentialStore, Place, StoredIn
from vidra.credentials.memory import MemoryCredentials
from vidra.credentials.store import open_credentials

__all__ = ["CredentialStore", "MemoryCredentials", "Place", "StoredIn", "installation_id", "open_credentials"]
