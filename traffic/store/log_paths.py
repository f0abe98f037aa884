"""Paths whose identifiers are folded: `/api/orders/4711` and `/api/orders/4712` are one endpoint. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping

ID = "{id}"
"""Placeholder for what looks like an identifier."""
ANY = "{...}"
"""Placeholder for what does not, but has too many values to be a name."""

_MANY = 100
"""Number of names below one path from which rarely requested ones are folded."""
_OFTEN = 0.005
"""A name with this share of the requests below its path is not folded."""
FEW = 500
"""Up to this many endpoints are left as they are."""

_IDENTIFIERS = (
    r"[0-9]+",
    r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}",
    r"[0-9a-f]{16,}|[0-9A-F]{16,}",
    r"[0-9a-f]*[0-9][0-9a-f]*[a-f][0-9a-f]{6,}",
    r"[0-9A-HJKMNP-TV-Z]{26}",
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
    r"[A-Za-z]{1,12}[-_]?[0-9]{4,}",
)


def folded_sql(path: str) -> str:
    """SQL of a path with `ID` for each part that looks like an identifier; an ending such as .png stays."""
    one = f"/(?:{'|'.join(_IDENTIFIERS)})(\\.[A-Za-z]{{2,5}})?(/|$)"
    # Neighbours share the separator between them, so a second pass finds what the first one skipped.
    once = f"regexp_replace({path}, '{one}', '/{ID}\\1\\2', 'g')"
    return f"regexp_replace({once}, '{one}', '/{ID}\\1\\2', 'g')"


def folded(requests: Mapping[str, int]) -> dict[str, str]:
    """Path -> its endpoint, if that is different: at most about a hundred below each path.

    Args:
        requests: path -> number of requests.
    """
    if len(requests) <= FEW:
        return {}
    parts = {path: path.split("/") for path in requests}
    for depth in range(1, max(map(len, parts.values()), default=1)):
        below: dict[tuple[str, ...], dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for path, steps in parts.items():
            if depth < len(steps):
                below[tuple(steps[:depth])][steps[depth]] += requests[path]
        crowded = {above: sum(names.values()) for above, names in below.items() if len(names) > _MANY}
        for steps in parts.values():
            above = tuple(steps[:depth])
            if depth < len(steps) and above in crowded and below[above][steps[depth]] < _OFTEN * crowded[above]:
                steps[depth] = ANY
    return {path: "/".join(steps) for path, steps in parts.items() if "/".join(steps) != path}


REQUEST = r"^([A-Za-z]+) +(\S+)( +HTTP/[0-9.]+)?$"
"""The first line of a request."""
_ONE = re.compile(f"/(?:{'|'.join(_IDENTIFIERS)})(\\.[A-Za-z]{{2,5}})?(?=/|$)")
_LINE = re.compile(REQUEST)
_ADDRESS = re.compile(r"^[a-z]+://[^/?#]*")


def path_of(written: str, lines: bool = False) -> str:
    """The path in a log, without the query string; what is not a path stays as it is.

    Args:
        written: a path, an address, or with `lines` also the first line of a request; empty and `-` are missing.
        lines: whether the field may hold such lines.
    """
    path = _LINE.sub(r"\2", written) if lines else written
    if path.startswith("/"):
        return path.partition("?")[0].partition("#")[0]
    if _ADDRESS.match(path):
        return _ADDRESS.sub("", path).partition("?")[0].partition("#")[0] or "/"
    return "" if path.strip() in ("", "-") else path


def endpoints(requests: Mapping[str, int], lines: bool = False, raw: bool = False) -> dict[str, str]:
    """As a log wrote it -> the endpoint that it belongs to ('' none), as the lines of a file are folded.

    Args:
        requests: of each path as it was written.
        lines: whether the field may hold first lines of requests.
        raw: leave identifiers as they are.
    """
    paths = {written: path_of(written, lines) for written in requests}
    if raw:
        return paths
    templates = {path: _ONE.sub(f"/{ID}\\1", path) for path in set(paths.values())}
    counts: dict[str, int] = defaultdict(int)
    for written, path in paths.items():
        if templates[path]:
            counts[templates[path]] += requests[written]
    mapped = folded(counts)
    return {written: mapped.get(templates[path], templates[path]) for written, path in paths.items()}
