"""How we introduce ourselves to everything of Plex's."""

from __future__ import annotations

from vidra.servers.interface import ClientIdentity
from vidra.servers.wire import plain


def identity_headers(identity: ClientIdentity) -> dict[str, str]:
    """Return the headers Plex wants with every request; without `Accept` it answers XML."""
    return {
        "Accept": "application/json",
        "X-Plex-Client-Identifier": identity.identifier,
        "X-Plex-Product": plain(identity.product),
        "X-Plex-Version": plain(identity.version),
        "X-Plex-Platform": plain(identity.platform),
        "X-Plex-Device-Name": plain(identity.device),
    }
