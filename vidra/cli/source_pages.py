"""Sources as a person reads them in a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vidra.cli.columns import columns

HEADER = ("ID", "TYPE", "SIGN-IN", "CONNECTION", "LAST SYNC", "NAME")


def source_row(page: Mapping[str, Any]) -> Sequence[str]:
    """Return the source's row in the listing."""
    return (
        page["source_id"],
        page["type"],
        page["auth_status"],
        connection_text(page["connection"]),
        page["last_sync"] or "never",
        page["name"],
    )


def connection_text(connection: Mapping[str, Any]) -> str:
    """Return the connection in a few words."""
    if connection["status"] == "online":
        return str(connection["class"])
    return f"offline until {connection['until']}" if connection["until"] else "unknown"


def source_lines(page: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return everything about one source."""
    facts = {
        "Source": page["source_id"],
        "Name": page["name"],
        "Type": page["type"] + (" (declared in the configuration)" if page["declared"] else ""),
        "Server": page["machine_id"],
        "Version": page["server_version"],
        "User": page["user_name"] or page["user_id"],
        "Owned": {True: "yes", False: "no"}.get(page["owned"]),
        "Sign-in": ", checked ".join(filter(None, (page["auth_status"], page["last_auth_check"]))),
        "Connection": connection_text(page["connection"]),
        "Address": page["connection"]["uri"],
        "Checked": page["last_check"],
        "Last sync": page["last_sync"] or "never",
    }
    lines = [f"{name:<12}{value}" for name, value in facts.items() if value]
    lines += [f"{'Folder':<12}{one['path']} ({one['kind']})" for one in page["folders"]]
    lines += [f"{'Path':<12}{one['ours']} is {one['theirs']} there" for one in page["path_mappings"]]
    if page["connections"]:
        lines += ["", *columns(_CONNECTION_HEADER, [_connection(row) for row in page["connections"]])]
    if events:
        lines += ["", *columns(("WHEN", "EVENT", "DETAIL"), [_event(event) for event in events])]
    return lines


_CONNECTION_HEADER = ("", "CLASS", "SCORE", "NOW", "USUALLY", "ANSWERS", "ADDRESS")


def _connection(row: Mapping[str, Any]) -> Sequence[str]:
    mark = "*" if row["in_use"] else ""
    now = _ms(row["response_ms"]) if row["available"] else row["problem"] and "fails"
    return (
        mark + ("!" if row["pinned"] else ""),
        row["class"],
        "" if row["score"] is None else str(row["score"]),
        now or "",
        _ms(row["usual_ms"]),
        f"{row['success_rate']:.0%}",
        row["uri"] + (f" ({row['problem']})" if row["problem"] else ""),
    )


def _event(event: Mapping[str, Any]) -> Sequence[str]:
    change = " -> ".join(str(event[key]) for key in ("old", "new") if event[key])
    return event["at"], event["event"], " ".join(filter(None, (change, event["reason"])))


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:.0f} ms"
