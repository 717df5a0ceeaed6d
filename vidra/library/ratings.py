"""What other people think of an item, in one form whoever says it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypedDict


class Imdb(TypedDict, total=False):
    """Rating from 0 to 10, and by how many."""

    rating: float
    votes: int


class RottenTomatoes(TypedDict, total=False):
    """Per cent."""

    critic: int
    audience: int


class Ratings(TypedDict):
    """None where nobody said anything."""

    imdb: Imdb | None
    rotten_tomatoes: RottenTomatoes | None


def normalised(scores: Iterable[Mapping[str, Any]]) -> Ratings:
    """Return the ratings of scores as servers give them: `image` (whose), `kind`, `value`, `votes`.

    Values are 0 to 10; those of Rotten Tomatoes become per cent. The first of each counts. An
    audience score of nobody in particular fills in where Rotten Tomatoes' is missing.
    """
    imdb: Imdb = {}
    tomatoes: RottenTomatoes = {}
    spare: int | None = None
    for score in scores:
        image, kind, value = str(score.get("image", "")), score.get("kind"), float(score["value"])
        if not 0 <= value <= 10:
            continue
        if image.startswith("imdb://"):
            imdb.setdefault("rating", value)
            if score.get("votes"):
                imdb.setdefault("votes", int(score["votes"]))
        elif image.startswith("rottentomatoes://") and kind == "critic":
            tomatoes.setdefault("critic", round(value * 10))
        elif image.startswith("rottentomatoes://") and kind == "audience":
            tomatoes.setdefault("audience", round(value * 10))
        elif not image and kind == "audience":
            spare = round(value * 10)
    if tomatoes and spare is not None:
        tomatoes.setdefault("audience", spare)
    return Ratings(imdb=imdb or None, rotten_tomatoes=tomatoes or None)
