"""Where secrets are kept."""

from __future__ import annotations

from enum import StrEnum, unique

from pydantic import Field

from vidra.settings.section import Section


@unique
class SecretPlace(StrEnum):
    """Where secrets may be kept."""

    AUTO = "auto"
    KEYRING = "keyring"
    FILE = "file"


class CredentialSettings(Section):
    """Tokens and passwords, which never stand in this file.

    ```yaml
    credentials:
      place: file
    ```
    """

    place: SecretPlace = Field(
        default=SecretPlace.AUTO,
        description="The system `keyring`, an encrypted `file`, or `auto`: the keyring where there is one.",
    )
