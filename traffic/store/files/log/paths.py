"""Paths whose identifiers are folded: `/api/orders/4711` and `/api/orders/4712` are one endpoint. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

ID = "{id}"
"""Stands for what looks like an identifier."""
ANY = "{...}"
"""Stands for what does not, but has too many values to be a name."""

_MANY = 100
"""Different names below one path, from which on those that are hardly asked for are folded."""
_OFTEN = 0.005
"""Share of the requests below a path that keeps a name as it is."""
FEW = 500
"""Endpoints that are left as they are."""

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
    # Neighbours share the mark between them, so a second look finds what the first one left out.
    once = f"regexp_replace({path}, '{one}', '/{ID}\\1\\2', 'g')"
    return f"regexp_replace({once}, '{one}', '/{ID}\\1\\2', 'g')"


def folded(requests: Mapping[str, int]) -> dict[str, str]:
    """Path -> the endpoint that it belongs to, where it is another: below each path at most about a hundred.

    Args:
        requests: of each path.
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
