"""What a person, a client or a subscription asks of a download job: the flow's one parameter."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator


class DownloadRequest(BaseModel):
    """Parameters of the `download-job` flow; the form in the Prefect UI is made from this.

    Either `job_id` names a job whose record and options are stored already (how the command line and
    the shim call the flow), or `urls` says what to fetch and the flow makes the record itself.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    urls: tuple[str, ...] = Field(
        (), max_length=1000, description="Addresses (http or https) of media, pages or lists."
    )
    job_id: str | None = Field(
        None, max_length=64, description="A stored job to work on; leave empty to make a new one."
    )
    label: str | None = Field(None, max_length=300, description="Name of the run; empty makes one.")
    preset: str | None = Field(None, description="Name of a preset; empty means the configured default.")
    format: str | None = Field(None, description="yt-dlp format selection, for example `bv*+ba/b`.")
    output: str | None = Field(
        None, description="Output template below the library folder, for example `%(uploader)s/%(title)s`."
    )
    options: dict[str, Any] = Field(
        default_factory=dict,
        description="Further download options by name. No secrets here: parameters are stored in clear.",
    )
    creator: str | None = Field(None, max_length=200, description="Who asked; shown with the job.")
    skip_archived: bool = Field(False, description="Leave out what the download archive already names.")
    dry_run: bool = Field(False, description="List what would be downloaded, and download nothing.")

    @model_validator(mode="after")
    def _names_something(self) -> DownloadRequest:
        if not self.urls and self.job_id is None:
            msg = "`urls` or `job_id` is needed"
            raise ValueError(msg)
        return self
