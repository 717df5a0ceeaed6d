"""Media servers and folders that the configuration declares, beside those added on the command line."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum, unique
from typing import Annotated

from pydantic import Field, model_validator

from vidra.settings.constraints import Accepts, LocalPath, NonEmptyStr, ServiceUrl
from vidra.settings.section import Section


@unique
class DeclaredType(StrEnum):
    """The kinds of sources there are."""

    PLEX = "plex"
    JELLYFIN = "jellyfin"
    LOCAL = "local"


@unique
class FolderKind(StrEnum):
    """What a folder of a local source holds."""

    MOVIES = "movies"
    SHOWS = "shows"


class FolderSettings(Section):
    """One library of a local source."""

    path: LocalPath = Field(description="The folder.")
    name: NonEmptyStr | None = Field(default=None, description="Name of the library; empty: the folder's.")
    kind: FolderKind = Field(default=FolderKind.MOVIES, description="What it holds.")


class SourceSettings(Section):
    """A media server or a set of folders.

    ```yaml
    sources:
      attic:
        type: jellyfin
        url: http://attic.home.arpa:8096
        user: anna
        path_mappings:
          /srv/media: /media
      films:
        type: local
        folders:
          - path: /srv/media/films
    ```

    Its secrets never stand here: `vidra source login attic` asks for them, or the environment has them as
    `VIDRA_SECRET_SOURCE_ATTIC_TOKEN` or `…_PASSWORD` (or the same with `_FILE`).
    """

    type: DeclaredType = Field(description="What answers there.")
    name: NonEmptyStr | None = Field(default=None, description="Name to show; empty: the id.")
    url: ServiceUrl | None = Field(default=None, description="Address of the server.")
    further_urls: Annotated[tuple[ServiceUrl, ...], Accepts("a list of http or https URLs")] = Field(
        default=(), description="Further addresses of the same server."
    )
    machine_id: NonEmptyStr | None = Field(
        default=None, description="Which server it has to be; empty: the one that answers first."
    )
    user: NonEmptyStr | None = Field(default=None, description="User name at a Jellyfin server.")
    folders: Annotated[tuple[FolderSettings, ...], Accepts("a list of folders")] = Field(
        default=(), description="Folders of a local source."
    )
    path_mappings: Annotated[Mapping[NonEmptyStr, NonEmptyStr], Accepts("our folder: theirs")] = Field(
        default_factory=dict, description="Folders of this machine by what the server calls them."
    )

    @model_validator(mode="after")
    def _fits_its_type(self) -> SourceSettings:
        if self.type is DeclaredType.LOCAL:
            if not self.folders or self.url is not None:
                raise ValueError("expected `folders` and no `url` for a local source")
        elif self.url is None or self.folders:
            raise ValueError("expected `url` and no `folders` for a server")
        return self


SourceId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
