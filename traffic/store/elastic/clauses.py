"""Pure: parts of queries, and how keys of each family of types are written."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Any

_WHOLE = re.compile(r"0|-?[1-9]\d*")


def any_of(queries: list[dict[str, Any]]) -> dict[str, Any]:
    """Documents that meet any of these."""
    return {"bool": {"should": queries, "minimum_should_match": 1}}


def is_written_as(family: str, key: str) -> bool:
    """Whether a server would write a key of such a type just like that."""
    if family == "ip":
        try:
            return str(ip_address(key)) == key
        except ValueError:
            return False
    if family == "boolean":
        return key in ("true", "false")
    return family in ("names", "flattened") or bool(_WHOLE.fullmatch(key))
