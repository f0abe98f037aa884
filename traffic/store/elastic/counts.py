"""Pure: what a search for the coverage of a window answered, as the value that everybody reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from traffic.coverage import OTHER_KEYS, Coverage, Holding, LeftOut
from traffic.store.elastic.answers import finite, total_of, understood, whole
from traffic.store.elastic.bodies import LEFT_OUT, Fields
from traffic.times import iso


def covered(
    answer: Mapping[str, Any], fields: Fields, closed: Sequence[str], name: str, some: bool = False, told: str = ""
) -> Coverage:
    """The documents of each index, by what became of them.

    Args:
        answer: to `fields.coverage`.
        fields: which say what a document is left out for.
        closed: indices that cannot be searched.
        name: of the store, for messages.
        some: whether only some of the keys are read.
        told: how errors are told, where they are counted.

    Raises:
        StoreError: the answer does not add up.
    """
    with understood(name):
        found = answer.get("aggregations", {}).get("indices", {})
        indices = sorted(found.get("buckets", []), key=lambda one: str(one["key"]))
        if found.get("sum_other_doc_count") or sum(whole(one["doc_count"]) for one in indices) != total_of(answer):
            raise ValueError("its indices do not contain all documents")
        reasons = _reasons(fields, indices)
        parts = [_part(one, reasons) for one in indices]
        keys = sum(whole(one["ways"]["buckets"]["used"]["keys"]["value"]) for one in indices)
    shut = [Holding(index, None, None, (LeftOut(f"are in the closed index {index}", None),)) for index in closed]
    used = sum(part.used or 0 for part in parts)
    notes: tuple[str, ...] = ()
    if keys > used:
        notes = (f"documents have several {fields.key}: each counts once for each of them, {keys:,} in all",)
    if fields.errors is not None:
        with understood(name):
            wrong = sum(whole(one["ways"]["buckets"]["used"]["errors"]["doc_count"]) for one in indices)
        are = "is an error" if wrong == 1 else "are errors"
        said = f"{wrong:,} {are}" if wrong else "none of them is an error, so no rise in errors can be found"
        notes += (f"{said} ({told})" if told else said,)
    # A document of several keys may have one that nobody asked for, or the same twice.
    least = used if some or fields.doubles else keys
    return Coverage((*parts, *shut), "documents", (min(least, keys), keys), notes=notes)


def leaves_out(answer: Mapping[str, Any], name: str) -> bool:
    """Whether any document is left out, by an answer to `fields.coverage` without the reasons.

    Raises:
        StoreError: the answer does not add up.
    """
    with understood(name):
        found = 0
        for index in answer.get("aggregations", {}).get("indices", {}).get("buckets", []):
            ways = index["ways"]["buckets"]
            left = whole(ways[LEFT_OUT]["doc_count"])
            if left + whole(ways["used"]["doc_count"]) != whole(index["doc_count"]):
                raise ValueError("documents of an index are neither used nor left out")
            found += left
        return found > 0


def _reasons(fields: Fields, indices: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Why a document is left out."""
    ways = [one["ways"]["buckets"] for one in indices]
    astray = [time for one in ways if "astray" in one for time in _ends(one["astray"]) if time is not None]
    times = sorted({iso(min(astray)), iso(max(astray))}) if astray else []
    return {
        "filtered": "do not match --filter",
        "timeless": f"have no {fields.time}",
        "valueless": f"have no {fields.value}",
        "marked": f"hold a marker for a missing {fields.value} (--missing none keeps it)",
        "overlong": f"have a {fields.key} longer than its mapping allows (ignore_above), or malformed",
        "keyless": f"have no {fields.key}",
        "astray": f"are far from all others in time ({' to '.join(times)})",
        "others": OTHER_KEYS,
    }


def _part(index: Mapping[str, Any], reasons: Mapping[str, str]) -> Holding:
    ways = index["ways"]["buckets"]
    left = tuple(
        LeftOut(reason, whole(ways[name]["doc_count"]), *_ends(ways[name]))
        for name, reason in reasons.items()
        if name in ways and ways[name]["doc_count"]
    )
    first, last = _ends(ways["used"])
    return Holding(
        str(index["key"]), whole(index["doc_count"]), whole(ways["used"]["doc_count"]), left, first=first, last=last
    )


def _ends(found: Mapping[str, Any]) -> tuple[int | None, int | None]:
    first, last = (found["ends"].get(name) for name in ("min", "max"))
    if first is None or last is None:
        return None, None
    return int(finite(first) // 1000), int(finite(last) // 1000)
