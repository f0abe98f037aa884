"""SQL of what the fields of a log say, in the cells that they stand in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from traffic.store.log_names import plain
from traffic.store.log_paths import REQUEST

CODE = r"^[1-5]\d\d(\.0+)?( .*)?$"
"""Of the code of an answer, with or without what it means in words."""
REQUESTS = ("request", "requestline")
"""Fields that may hold the first line of a request."""


def texts_of(column: Mapping[str, str], fields: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Column of the lines -> SQL of it; what is not there is empty.

    Args:
        column: field -> its column.
        fields: role -> the fields that play it, the clearest first.
    """
    cells = {role: first_of(column, names) for role, names in fields.items()}
    lines = [name for name in fields["endpoint"] if plain(name) in REQUESTS]
    path = f"regexp_replace({cells['endpoint']}, '{REQUEST}', '\\2')" if lines else cells["endpoint"]
    # What is not a path, such as the name of a handler, stays as it is.
    cut = f"split_part(split_part(regexp_replace({path}, '^[a-z]+://[^/?#]*', ''), '?', 1), '#', 1)"
    path = (
        f"CASE WHEN starts_with({path}, '/') THEN split_part(split_part({path}, '?', 1), '#', 1) "
        f"WHEN regexp_matches({path}, '^[a-z]+://') THEN coalesce(nullif({cut}, ''), '/') "
        f"WHEN trim({path}) IN ('', '-') THEN NULL ELSE {path} END"
    )
    method, host = cells["method"], cells["host"]
    if lines:
        asked = f"nullif(regexp_extract({first_of(column, lines)}, '{REQUEST}', 1), '')"
        method = f"coalesce(nullif({method}, ''), {asked})"
    first = f"trim(split_part({cells['address']}, ',', 1))"
    bare = f"regexp_replace({first}, '^(\\d+\\.\\d+\\.\\d+\\.\\d+):\\d+$', '\\1')"
    address = f"CASE WHEN contains({first}, ':') THEN {bare} ELSE {first} END"
    host = f"CASE WHEN contains({host}, ':') THEN regexp_replace({host}, ':\\d+$', '') ELSE {host} END"
    # A header may have several values: the first one counts.
    agent, referrer = (
        f"CASE WHEN starts_with({cell}, '[\"') THEN json_extract_string({cell}, '$[0]') ELSE {cell} END"
        for cell in (cells["agent"], cells["referrer"])
    )
    found = {"service": cells["service"], "host": host, "path": path, "method": method}
    found |= {"status": status_of(column, fields["status"]), "level": cells["level"], "address": address}
    found |= {"agent": agent, "referrer": referrer}
    texts = {
        name: f"CASE WHEN {sql} IS NULL OR trim({sql}) IN ('', '-') THEN '' ELSE {sql} END"
        for name, sql in found.items()
    }
    return {**texts, "bytes": f"TRY_CAST(TRY_CAST({cells['bytes']} AS DOUBLE) AS BIGINT)"}


def status_of(column: Mapping[str, str], names: Sequence[str]) -> str:
    """SQL of the code of an answer, without what it means in words."""
    cell = f"trim({first_of(column, names)})"
    return f"CASE WHEN regexp_matches({cell}, '{CODE}') THEN left({cell}, 3) ELSE {cell} END"


def first_of(column: Mapping[str, str], names: Sequence[str]) -> str:
    """SQL of the first of some fields that is there."""
    if not names:
        return "NULL::VARCHAR"
    cells = ", ".join(f"nullif({column[name]}, '')" for name in names)
    return f"coalesce({cells})"
