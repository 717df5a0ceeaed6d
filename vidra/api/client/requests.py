"""Reads the client's bodies and queries: both spellings of every name, wrong types named, nothing guessed."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Final

import orjson
from fastapi import Request

from vidra.api.answers import BadBody
from vidra.engine.jobs.entry_commands import EntryTargets

_KEPT: Final = (
    "ctx_id", "playlist_id", "playlist_entry_count", "playlist_title", "title",
    "description", "thumbnail_url", "webpage_url", "original_url", "preview_collected_at",
)  # fmt: skip
"""Names of `metadata` that are kept."""
_FROM_PREVIEW: Final = ("title", "description", "thumbnail_url", "webpage_url", "original_url")
"""What a client that has looked for itself may tell us of the content, until the run knows better."""
_FROM_PLAYLIST: Final = {"playlist_id": "playlist_id", "id": "playlist_id", "title": "playlist_title"}
_FLAGS: Final = ("requires_playlist_selection", "is_playlist")
"""Recognised, and found out by ourselves: a client's guess decides nothing."""
_CLIENT_ONLY: Final = frozenset({"client", "base_uri", "api_base_uri"})
_LARGEST_INDEX: Final = 10_000_000
_ON: Final = frozenset({"true", "1", "yes", "on", "full"})


async def read_object(request: Request) -> dict[str, Any]:
    """Return the body's object with names in snake_case; raise `BadBody` for anything else."""
    body = await request.body()
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadBody({"json": "Invalid JSON payload"}) from error
    if not isinstance(value, dict):
        raise BadBody({"json": "JSON object required"})
    return snake_keys(value)


def snake_keys(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the object with snake_case names; of a name given in both spellings that one counts."""
    camel = {_snake(name): content for name, content in value.items() if _snake(name) != name}
    return camel | {name: content for name, content in value.items() if _snake(name) == name}


def urls_of(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the addresses of `urls` and `url`, in order, each once; shared texts hold several at once."""
    given = body.get("urls")
    listed = [given] if isinstance(given, str) else given
    if listed is None:
        listed = []
    if not isinstance(listed, list) or any(not isinstance(url, str) for url in listed):
        raise BadBody({"urls": ["expected a string or a list of strings"]})
    single = body.get("url")
    if single is not None and not isinstance(single, str):
        raise BadBody({"url": ["expected a string"]})
    found = [part for url in (*listed, single or "") for part in url.split()]
    if not found:
        raise BadBody(None, code="urls_required")
    return tuple(dict.fromkeys(found))


def options_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the download options as they were sent."""
    options = body.get("options")
    if options is None:
        return {}
    if not isinstance(options, dict):
        raise BadBody({"options": ["expected an object"]})
    return options


def owner_of(body: Mapping[str, Any]) -> str | None:
    """Return who asks: `owner` wins over `creator`."""
    for name in ("owner", "creator"):
        value = body.get(name)
        if value is not None and (not isinstance(value, str) or len(value) > 200):
            raise BadBody({name: ["expected a string of at most 200 characters"]})
        if value:
            return value
    return None


def metadata_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the contract recognises of `metadata`.

    The client sends its own product description under a name that means the media's; it is left out.
    """
    given = body.get("metadata")
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise BadBody({"metadata": ["expected an object"]})
    known = snake_keys(given)
    kept = {name: known[name] for name in _KEPT if known.get(name) is not None}
    for name, value in kept.items():
        wanted = int if name.endswith("_count") else str
        if not isinstance(value, wanted):
            raise BadBody({"metadata": {name: [f"expected {_WORDS[wanted]}"]}})
    for name in _FLAGS:
        if not isinstance(known.get(name, False), bool):
            raise BadBody({"metadata": {name: ["expected a boolean"]}})
    if _CLIENT_ONLY & known.keys():
        kept.pop("description", None)
    return {**_hints(known), **kept}


def _hints(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Return what the objects `preview` and `playlist` say about the content, texts only."""
    preview, playlist = (_object(metadata, name) for name in ("preview", "playlist"))
    hints = {name: preview.get(name) for name in _FROM_PREVIEW}
    hints |= {ours: playlist[theirs] for theirs, ours in _FROM_PLAYLIST.items() if theirs in playlist}
    return {name: value for name, value in hints.items() if isinstance(value, str) and value}


def _object(metadata: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = metadata.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadBody({"metadata": {name: ["expected an object"]}})
    return snake_keys(value)


def indices_of(body: Mapping[str, Any], *, nested: bool) -> list[int]:
    """Return the 1-based places of `indices`; `nested` chooses the contract's shape of complaints."""
    given = body.get("indices")
    if given is None:
        return []

    def complaint(text: str) -> BadBody:
        return BadBody({"indices": [text]} if nested else text)

    if not isinstance(given, list):
        raise complaint("indices must be a list")
    found: list[int] = []
    for value in given:
        number = _number(value)
        if number is None or number > _LARGEST_INDEX:
            raise complaint("indices must be integers")
        if number > 0:
            found.append(number)
    return list(dict.fromkeys(found))


def targets_of(body: Mapping[str, Any]) -> EntryTargets:
    """Return which entries are meant by `indices` and `entry_ids`."""
    ids = body.get("entry_ids")
    listed = [ids] if isinstance(ids, str) else ids or []
    if not isinstance(listed, list) or any(not isinstance(text, str) for text in listed):
        raise BadBody({"entry_ids": ["entry_ids must be a list of strings"]})
    return EntryTargets(indices=indices_of(body, nested=True), entry_ids=tuple(dict.fromkeys(listed)))


def job_ids_of(body: Mapping[str, Any]) -> list[str] | None:
    """Return the ids of `job_ids`, None if there are none."""
    given = body.get("job_ids")
    listed = [given] if isinstance(given, str) else given
    if listed is None:
        return None
    if not isinstance(listed, list) or any(not isinstance(text, str) for text in listed):
        raise BadBody({"job_ids": ["expected a string or a list of strings"]})
    return list(dict.fromkeys(listed))


def since_of(request: Request) -> int | None:
    """Return the query's `since`."""
    return _query_number(request, "since", "since_must_be_integer")


def limit_of(request: Request) -> int | None:
    """Return the query's `limit`."""
    limit = _query_number(request, "limit", "limit_must_be_integer")
    if limit is not None and limit <= 0:
        raise BadBody(None, code="limit_greater_than_zero")
    return limit


def offset_of(request: Request) -> int:
    """Return the query's `offset`, 0 if there is none."""
    offset = _query_number(request, "offset", "offset_must_be_integer") or 0
    if offset < 0:
        raise BadBody(None, code="offset_must_be_non_negative")
    return offset


def is_on(request: Request, name: str) -> bool:
    """Whether the query says yes."""
    return request.query_params.get(name, "").lower() in _ON


def includes(request: Request) -> Collection[str]:
    """Return the words of the query's `include`."""
    return [word.strip() for word in request.query_params.get("include", "").split(",")]


def _query_number(request: Request, name: str, code: str) -> int | None:
    text = request.query_params.get(name, "").strip()
    if not text:
        return None
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        raise BadBody(None, code=code)
    return int(text)


def _number(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?[0-9]{1,9}\s*", value):
        return int(value)
    return None


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower() if name.isascii() else name


_WORDS: Final = {int: "an integer", str: "a string"}
