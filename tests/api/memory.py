"""What the existing client makes of what it is told (contract, sections 3.2 and 9): jobs merged from events.

Nothing here talks to a server: `tests.api.desk` feeds it from sockets.
"""

from __future__ import annotations

from typing import Any


class Memory:
    """The jobs and entries of one client. Not safe between threads."""

    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self.entries: dict[str, dict[int, dict[str, Any]]] = {}
        self.told: set[str] = set()
        """Jobs whose `list_info_ends` was heard and not ignored."""

    def keep_only(self, job_ids: set[str]) -> None:
        """Forget the jobs that a fetched list does not have."""
        self.jobs = {job_id: job for job_id, job in self.jobs.items() if job_id in job_ids}

    def merge(self, news: dict[str, Any]) -> None:
        """Take an update in: what it leaves out keeps its old value (section 9)."""
        job_id = news["job_id"]
        if "deleted" in {news.get("status"), news.get("reason")}:
            self.jobs.pop(job_id, None)
            return
        job = self.jobs.setdefault(job_id, {})
        parts = {name: {**job.get(name, {}), **news.get(name, {})} for name in ("metadata", "playlist")}
        job.update({**_plain(news), **{name: part for name, part in parts.items() if part}})
        if job.get("status") not in {"failed", "cancelled"} and "error" not in news:
            job.pop("error", None)

    def hear(self, job_id: str, event: str, payload: dict[str, Any]) -> None:
        """Take in what the job's own socket said, an update apart: see `merge`."""
        job = self.jobs.setdefault(job_id, {"job_id": job_id})
        if event == "global_info":
            job.setdefault("metadata", {})["requires_playlist_selection"] = payload["selection_required"]
            job.update({name: payload[name] for name in ("kind", "preview", "playlist") if name in payload})
        elif event == "progress":
            job["progress"] = {**job.get("progress", {}), **_plain(payload)}
        elif event in {"playlist_snapshot", "playlist_progress"}:
            job["playlist"] = {**job.get("playlist", {}), **_list_facts(event, payload)}
        elif event == "playlist_entry_progress":
            entry = self.entries.setdefault(job_id, {}).setdefault(payload["playlist_index"], {})
            entry.update(status=payload["status"], main_file=payload.get("main_file"))
        elif event == "entry_info" and awaits_choice(job):
            self.entries.setdefault(job_id, {})[payload["index"]] = payload["entry"]
        elif event == "list_info_ends" and awaits_choice(job):
            self.told.add(job_id)


def awaits_choice(job: dict[str, Any]) -> bool:
    """Return whether the client believes that the job's entries are to be chosen from."""
    return bool(job.get("metadata", {}).get("requires_playlist_selection"))


def _plain(news: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in news.items() if name not in {"metadata", "reason", "timestamp"}}


def _list_facts(event: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Return what an event about a list says, by the names of the playlist object."""
    if event == "playlist_snapshot":
        return dict(payload["playlist"])
    prefix = "playlist_"
    return {name.removeprefix(prefix): value for name, value in payload.items() if name.startswith(prefix)}
