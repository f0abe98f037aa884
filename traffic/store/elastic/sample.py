"""What the newest documents say of an index before it is read: how often a key has one, whether values only grow."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from traffic.errors import UsageFailure
from traffic.model import Floats, Ints
from traffic.store.columns import Columns
from traffic.store.elastic.answers import finite, understood
from traffic.store.elastic.bodies import Fields
from traffic.store.elastic.client import Cluster
from traffic.store.files.amounts import kind_of_value
from traffic.store.files.evidence import Directions, Evidence, evidence_of
from traffic.store.files.markers import Markers

_NEWEST = 1_000
"""Documents that are looked at."""
_SURE = 200
"""Documents that are enough to refuse what was said: fewer may have grown by chance."""
_TWICE = 0.5
"""Share of the newest documents from which those that are there twice are no accident."""
_SELDOM, _OFTEN, _FEWEST = 0.02, 0.2, 40
"""Share of falls up to which a total is one, and from which several may take turns, in at least so many documents."""
_FEW = 20
"""Keys of which the newest ones are enough to tell whether they grow."""


@dataclass(frozen=True)
class Newest:
    """What the newest documents show."""

    evidence: Evidence
    together: int = 1
    """Totals that a key has side by side, where its values are such; else 1."""
    alike: float = 0.0
    """Share of the documents that have time, key and value in common with another, of those with a value but 0."""


def sample(cluster: Cluster, fields: Fields) -> Newest:
    """Look at the newest documents; where they are of too many keys, at those of a few of these."""
    found, keys = _newest(cluster, fields, None)
    if found.evidence.moves.every or len(keys) <= _FEW or fields.value is None:
        return found
    few, _ = _newest(cluster, fields, keys[:: len(keys) // _FEW][:_FEW])
    step = found.evidence.step or few.evidence.step
    return replace(few, evidence=replace(found.evidence, step=step, moves=few.evidence.moves), alike=found.alike)


def _newest(cluster: Cluster, fields: Fields, keys: Sequence[str] | None) -> tuple[Newest, list[str]]:
    answer = cluster.search(fields.newest(_NEWEST, keys), "hits.hits.fields")
    rows: dict[str, int] = {}
    with understood(cluster.name):
        told = [
            (
                rows.setdefault(str(one[fields.key][0]), len(rows)),
                # Of nanoseconds there are fractions of a millisecond.
                float(one[fields.time][0]) // 1000,
                finite(one[fields.value][0]) if fields.value in one else np.nan,
            )
            for hit in answer.get("hits", {}).get("hits", ())
            if fields.key in (one := hit["fields"])
        ]
    row, time, value = np.array(told, dtype=float).reshape(-1, 3).T
    looked_at = Markers()
    looked_at.add(value[np.isfinite(value)])
    value[np.isin(value, [one.value for one in looked_at.found() if one.sure])] = np.nan
    return _newest_of(row.astype(np.int64), time.astype(np.int64), value), list(rows)


def _newest_of(row: Ints, time: Ints, value: Floats) -> Newest:
    """What documents show: arrays of shape (n,), the values NaN where there is none."""
    if not len(row):
        return Newest(evidence_of(row, time, value))
    order = np.lexsort((value, time, row))
    row, time, value = row[order], time[order], value[order]
    same = np.concatenate([[False], (row[1:] == row[:-1]) & (time[1:] == time[:-1])])
    first = np.flatnonzero(~same)
    sizes = np.diff(np.append(first, len(row)))
    there = np.isfinite(value) & (value != 0)
    again = there & same & np.concatenate([[False], value[1:] == value[:-1]])
    alike = again.sum() / max(1, there.sum() - again.sum())
    found, together = evidence_of(row, time, value), 1
    if not found.moves.only_grow:
        # Of several totals that only grow, the lowest of each time only grow as well, and so do all others in order.
        usual = np.array([np.median(sizes[row[first] == one]) for one in range(int(row.max()) + 1)]).astype(np.int64)
        whole = np.repeat(sizes, sizes) == usual[row]
        rank = np.arange(len(row)) - np.repeat(first, sizes)
        apart = evidence_of((row * usual.max() + rank)[whole], time[whole], value[whole])
        together = int(usual.max()) if apart.moves.only_grow else _most_interleaved(row, value)
    if together > 1:
        found = replace(found, moves=Directions(found.moves.every, 0, 0, 0))
    return Newest(found, together, float(alike))


def _most_interleaved(row: Ints, value: Floats) -> int:
    """How many totals a key has at most, which take turns; 1 if a series moves that is not made of such.

    Args:
        row: shape (n,), which key, in order.
        value: shape (n,), in order of time; NaN where there is none.
    """
    most = 1
    for one in np.unique(row):
        values = value[(row == one) & np.isfinite(value)]
        changes = np.diff(values)
        falls, moves = int((changes < 0).sum()), int((changes != 0).sum())
        if not moves or falls <= _SELDOM * len(values):
            continue
        few = len(values) < _FEWEST or falls < _OFTEN * len(values) or len(np.unique(values)) < len(values) / 2
        chains = 0 if few else longest_fall(values)
        # Of values that come by chance, about twice the square root of their number fall one after the other.
        if few or chains > np.sqrt(len(values)) / 2:
            return 1
        most = max(most, chains)
    return most


def longest_fall(values: Floats) -> int:
    """How many of these fall one after the other at most, whatever is between them.

    That many rows which never fall are needed to hold all of them.
    """
    lowest: list[float] = []
    for one in values.tolist():
        # The least of each length so far, negated to be in order.
        place = bisect_left(lowest, -one)
        lowest[place : place + 1] = [-one]
    return len(lowest)


def with_evidence(said: Columns, declared: bool, newest: Newest, key: str) -> tuple[Columns, list[str]]:
    """What a bucket of several documents comes to, where nobody said it, as of files; and what to know of that.

    Amounts add up, counters become rates, anything else is a mean.

    Args:
        said: by options.
        declared: the mapping says that the value is a counter.
        newest: what the newest documents show.
        key: the field of the keys.

    Raises:
        UsageFailure: what was said makes no sense of a counter.
    """
    name = said.value or ""
    kind, found = kind_of_value(name), newest.evidence
    only_grows = found.moves.only_grow and not kind.level
    counter = declared or said.counter or (said.statistic is None and only_grows)
    if counter and newest.together > 1 and said.statistic in (None, "avg"):
        raise UsageFailure(
            f"{name} (--value) is a running total, of which one {key} has {newest.together}, such as one for each "
            f"interface, so that no rate of the {key} can be told: name a field with --key that distinguishes them, "
            "or choose one of them with --filter"
        )
    twice = _twice(name, key, newest) if said.statistic in (None, "sum") else []
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
        note = f"{name} is an amount: summed{told}"
        return replace(said, statistic="sum", bits=kind.octets and plain), [note, *twice]
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
    return said, twice


def _twice(name: str, key: str, newest: Newest) -> list[str]:
    """Documents that come at a beat do not agree in everything by chance."""
    if newest.evidence.step is None or newest.alike < _TWICE:
        return []
    note = f"{newest.alike * 100:.0f} % of the newest documents are there again, with the same time, {key} and {name}"
    return [f"{note}: if two senders write the same, both are counted (--statistic avg counts it once)"]


_AS_IT_IS = "--statistic avg: as it is"


def _as_rate(said: Columns) -> Columns:
    return replace(said, counter=True, statistic="avg", unit=said.unit or ("" if said.bits else "/s"))
