"""Values of an index that stand for none, such as -1 or 4294967295: found in all of it, left out as those of files."""

from __future__ import annotations

from collections.abc import Sequence

from traffic.store.elastic.answers import finite, understood, whole
from traffic.store.elastic.bodies import OUTERMOST, Body, Fields
from traffic.store.elastic.client import Cluster
from traffic.store.ends import marks_at_ends, may_be_marks
from traffic.store.files.amounts import kind_of_value
from traffic.store.files.markers import Marker, remarks_on

_EXACT = 2.0**53
_LARGEST = 2.0**63
_NEAR = 1e-9
"""How far from the value that a float says the one in the index may lie, beyond those that floats say exactly."""


def leave_out_marks(cluster: Cluster, fields: Fields, said: Sequence[float] | None) -> list[str]:
    """Let values that stand for none not count, and answer what a person should know of that.

    Args:
        cluster: that has the documents.
        fields: of which the marks are set.
        said: the only values that stand for none; None: those that the ends of all values show to be so.
    """
    if said is not None:
        fields.marks = [_equal(fields, value) for value in said]
        return []
    found = _find(cluster, fields)
    fields.marks = [_equal(fields, one.value) for one in found if one.sure]
    return [remark.replace(" rows contain ", " documents have ") for remark in remarks_on(found, fields.value or "")]


def _find(cluster: Cluster, fields: Fields) -> list[Marker]:
    answer = cluster.search(fields.outermost({}), OUTERMOST)
    with understood(cluster.name):
        ends = [answer["aggregations"][end]["value"] for end in ("min", "max")]
        if None in ends:
            return []
        low, high = map(finite, ends)
    if not may_be_marks(low, high):
        return []
    answer = cluster.search(fields.outermost({"min": _equal(fields, low), "max": _equal(fields, high)}), OUTERMOST)
    with understood(cluster.name):
        inner = answer["aggregations"]
        counts = {low: whole(inner["apart"]["buckets"]["min"]["doc_count"])}
        counts[high] = whole(inner["apart"]["buckets"]["max"]["doc_count"])
        rest = [inner["rest"][end]["value"] for end in ("min", "max")]
        others = [finite(one) for one in rest if one is not None]
    return marks_at_ends(counts, others, kind_of_value(fields.value or "").octets)


def _equal(fields: Fields, value: float) -> Body:
    """Documents with that value."""
    slack = abs(value) * _NEAR if abs(value) >= _EXACT else 0.0
    # What no number of the field can be is not asked for, and there is nothing beyond.
    least = {"gte": value - slack} if value - slack > -_LARGEST else {}
    most = {"lte": value + slack} if value + slack < _LARGEST else {}
    return {"range": {fields.value or "": least | most}}
