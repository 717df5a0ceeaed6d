"""The credential store where the owner wants it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vidra.credentials import CredentialStore, Place, open_credentials

if TYPE_CHECKING:
    from vidra.settings import Settings


def configured_credentials(settings: Settings) -> CredentialStore:
    """Return the store of these settings; cheap, reads nothing until it is used."""
    return open_credentials(settings.storage.data_dir, place=Place(settings.credentials.place.value))
