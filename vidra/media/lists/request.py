"""What a schedule, a person or a client asks of a playlist expansion: the flow's one parameter."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ExpansionRequest(BaseModel):
    """Parameters of the `playlist-expansion` flow; the form in the Prefect UI is made from this."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    subscriptions: tuple[str, ...] = Field(
        (), max_length=1000, description="Names of subscriptions; empty means all that are active."
    )
    scheduled: bool = Field(False, description="Leave out subscriptions that a person has paused.")
    dry_run: bool = Field(False, description="Say what would be downloaded, and download nothing.")
    yes: bool = Field(
        False, description="Go on although the plan looks as if everything were to be fetched again."
    )
    retry_failed: bool = Field(
        False, description="Try items again that failed a short while ago and are left alone."
    )
    max_items: int | None = Field(
        None, ge=1, le=100_000, description="At most so many downloads; empty means what the rules say."
    )
