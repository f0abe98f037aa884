"""Pure: what a search for the coverage of a window answered, as the value that everybody reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from traffic.coverage import Coverage, Holding, LeftOut
from traffic.store.elastic.bodies import Fields


def covered(answer: Mapping[str, Any], fields: Fields) -> Coverage:
    """The documents of each index, by what became of them.

    Args:
        answer: to `fields.coverage`.
        fields: which say what a document is left out for.
    """
    reasons = {
        "filtered": "do not meet --filter",
        "timeless": f"have no {fields.time}",
        "valueless": f"have no {fields.value}",
        "keyless": f"have no {fields.key}",
    }
    parts = tuple(
        _part(one, reasons) for one in sorted(answer["aggregations"]["indices"]["buckets"], key=lambda one: one["key"])
    )
    used = sum(part.used or 0 for part in parts)
    return Coverage(parts, "documents", (used, used))


def _part(index: Mapping[str, Any], reasons: Mapping[str, str]) -> Holding:
    ways = index["ways"]["buckets"]
    left = tuple(
        LeftOut(reason, ways[name]["doc_count"], *_ends(ways[name]))
        for name, reason in reasons.items()
        if name in ways and ways[name]["doc_count"]
    )
    first, last = _ends(ways["used"])
    return Holding(index["key"], index["doc_count"], ways["used"]["doc_count"], left, first=first, last=last)


def _ends(found: Mapping[str, Any]) -> tuple[int | None, int | None]:
    first, last = (found[name].get("value") for name in ("first", "last"))
    return None if first is None else int(first // 1000), None if last is None else int(last // 1000)
