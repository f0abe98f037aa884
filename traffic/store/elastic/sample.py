"""What the newest documents say of an index before it is read: how often a key has one, whether values only grow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from traffic.errors import UsageFailure
from traffic.store.columns import Columns
from traffic.store.elastic.answers import finite, understood
from traffic.store.elastic.bodies import Fields
from traffic.store.elastic.client import Cluster
from traffic.store.files.amounts import kind_of_value
from traffic.store.files.evidence import Evidence, evidence_of

_NEWEST = 1_000
"""Documents that are looked at."""
_SURE = 200
"""Documents that are enough to refuse what was said: fewer may have grown by chance."""
_FEW = 20
"""Keys of which the newest ones are enough to tell whether they grow."""


def sample(cluster: Cluster, fields: Fields) -> Evidence:
    """Look at the newest documents; where they are of too many keys, at those of a few of these."""
    found, keys = _newest(cluster, fields, None)
    if found.moves.every or len(keys) <= _FEW or fields.value is None:
        return found
    few, _ = _newest(cluster, fields, keys[:: len(keys) // _FEW][:_FEW])
    return replace(found, step=found.step or few.step, moves=few.moves)


def _newest(cluster: Cluster, fields: Fields, keys: Sequence[str] | None) -> tuple[Evidence, list[str]]:
    answer = cluster.search(fields.newest(_NEWEST, keys), "hits.hits.fields")
    rows: dict[str, int] = {}
    with understood(cluster.name):
        told = [
            (
                rows.setdefault(str(one[fields.key][0]), len(rows)),
                int(one[fields.time][0]) // 1000,
                finite(one[fields.value][0]) if fields.value in one else np.nan,
            )
            for hit in answer.get("hits", {}).get("hits", ())
            if fields.key in (one := hit["fields"])
        ]
    row, time, value = np.array(told, dtype=float).reshape(-1, 3).T
    return evidence_of(row.astype(np.int64), time.astype(np.int64), value), list(rows)


def with_evidence(said: Columns, declared: bool, found: Evidence) -> tuple[Columns, list[str]]:
    """What a bucket of several documents comes to, where nobody said it, as of files; and what to know of that.

    Amounts add up, counters become rates, anything else is a mean.

    Args:
        said: by options.
        declared: the mapping says that the value is a counter.
        found: in the newest documents.

    Raises:
        UsageFailure: what was said makes no sense of a counter.
    """
    name = said.value or ""
    kind = kind_of_value(name)
    only_grows = found.moves.only_grow and not kind.level
    if said.counter or said.statistic == "count":
        return _as_rate(said) if said.counter else said, []
    plain = said.scale == 1.0 and not said.unit
    if said.statistic is None and (declared or only_grows):
        why = "is a counter (time_series_metric)" if declared else "only grows"
        note = f"{name} {why}, so its rate is used"
        return _as_rate(replace(said, bits=kind.octets and plain)), [note if declared else f"{note} ({_AS_IT_IS})"]
    if said.statistic is None:
        if not kind.amount:
            return replace(said, statistic="avg"), []
        told = ", as bit/s" if kind.octets and plain else ""
        return replace(said, statistic="sum", bits=kind.octets and plain), [f"{name} is an amount: summed{told}"]
    # Counters are read at a beat; what came as it liked only grew for a while.
    if declared or (only_grows and said.statistic == "sum" and found.step is not None and found.rows >= _SURE):
        what = "is a counter (time_series_metric: counter)" if declared else "only grows, as a counter does"
        raise UsageFailure(
            f"{name} (--value) {what}: it is a running total, whose {said.statistic} is meaningless: use --statistic "
            "rate"
        )
    if only_grows:
        note = f"the values of all {found.moves.fast} series checked only grow, as counters do: a rise in what they "
        return said, [f"{note}count does not show as a high value and is not found; --statistic rate uses their rate"]
    return said, []


_AS_IT_IS = "--statistic avg: as it is"


def _as_rate(said: Columns) -> Columns:
    return replace(said, counter=True, statistic="avg", unit=said.unit or ("" if said.bits else "/s"))
