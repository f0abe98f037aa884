"""Any table of a set of known rows, however it is written: the right series come, or it is refused, or it is said.

Never does a file of the set come to other series in silence.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tests.conformance import MONDAY
from traffic.errors import Failure
from traffic.model import Query, Window
from traffic.store import Columns, open_source

STEP, COUNT = 300, 48
SPAN = Window(MONDAY, MONDAY + STEP * COUNT)
KEYS = ("edge-1", "edge-2")
TIMES = ("time", "ts", "Zeit", "date_time", "when seen", "t")
NAMES = ("device", "Kunde", "host name", "x")
VALUES = ("load", "in_bps", "wert", "Bytes", "v")
DAYS = ("%Y-%m-%d", "%d.%m.%Y", "%Y%m%d", "%Y/%m/%d")
CLOCKS = ("%H:%M:%S", "%H:%M", "%H%M", "%I:%M %p")


def truth() -> dict[str, list[int]]:
    """What each key holds, five minutes after five minutes: the second has a surge."""
    base = [100 + (37 * place) % 23 for place in range(COUNT)]
    return {"edge-1": base, "edge-2": [value * (9 if 20 <= place < 26 else 2) for place, value in enumerate(base)]}


@dataclass(frozen=True)
class Shape:
    """How the rows are written."""

    time: str
    key: str
    value: str
    split: str
    """A day beside a time of day; as one where empty."""
    day: str
    clock: str
    day_beside: bool
    doubled: bool
    parted: bool
    """Whether each value is cut into two rows that differ in a column of their own."""
    late: bool
    """Whether the rows of the second half have a member, or a column, more."""
    order: int
    form: str
    delimiter: str


SHAPES = st.builds(
    Shape,
    time=st.sampled_from(TIMES),
    key=st.sampled_from(NAMES),
    value=st.sampled_from(VALUES),
    split=st.sampled_from(["", "", "date,time", "Datum,Uhrzeit", "day,clock"]),
    day=st.sampled_from(DAYS),
    clock=st.sampled_from(CLOCKS),
    day_beside=st.booleans(),
    doubled=st.booleans(),
    parted=st.booleans(),
    late=st.booleans(),
    order=st.integers(0, 10_000),
    form=st.sampled_from(["csv", "csv", "json"]),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
)


def written(shape: Shape) -> list[dict[str, str | int]]:
    found: list[dict[str, str | int]] = []
    for place in range(COUNT):
        at = datetime.fromtimestamp(MONDAY + STEP * place, UTC)
        when: dict[str, str | int] = {shape.time: at.strftime("%Y-%m-%dT%H:%M:%SZ")}
        if shape.split:
            when = dict(zip(shape.split.split(","), (at.strftime(shape.day), at.strftime(shape.clock)), strict=True))
        elif shape.day_beside:
            when = {"date": at.strftime(shape.day), **when}
        for key, values in truth().items():
            row = {**when, shape.key: key, shape.value: values[place]}
            if shape.late and place >= COUNT // 2:
                row["note"] = "late"
            parts = (("in", values[place] // 4), ("out", values[place] - values[place] // 4))
            found += [{**row, "way": way, shape.value: part} for way, part in parts] if shape.parted else [row]
    return found


def laid(folder: Path, shape: Shape) -> str:
    rows = written(shape)
    names = sorted({name for row in rows for name in row})
    names = [names[place] for place in np.random.default_rng(shape.order).permutation(len(names))]
    if shape.form == "json":
        path = folder / "rows.json"
        path.write_text("".join(json.dumps({name: row[name] for name in names if name in row}) + "\n" for row in rows))
        return str(path)
    again = [shape.value] if shape.doubled else []
    head = shape.delimiter.join([*names, *again])
    body = [shape.delimiter.join(str(row.get(name, "")) for name in [*names, *again]) for row in rows]
    path = folder / "rows.csv"
    path.write_text("\n".join([head, *body]) + "\n")
    return str(path)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SHAPES)
def test_a_table_is_read_rightly_or_it_is_said(tmp_path: Path, shape: Shape) -> None:
    try:
        source = open_source(laid(tmp_path, shape), Columns())
        keys = tuple(source.keys(SPAN))
        values = source.series(Query(source.metric, keys, SPAN, STEP)).values
        told = [*source.notes()[1:], *source.remarks()]
    except Failure:
        event("refused")
        return
    series = np.array([truth()[key] for key in KEYS], dtype=float)
    # Bytes are shown in bit/s, and both parts of a value may be series of their own.
    factor = 8 / STEP if source.metric.unit == "bit/s" else 1.0
    whole = dict(zip(KEYS, series * factor, strict=True))
    found = dict(zip(keys, values, strict=True))
    right = found.keys() == whole.keys() and all(np.allclose(found[key], whole[key]) for key in KEYS)
    if shape.parted and not right:
        quarter = {key: np.floor(series[place] / 4) * factor for place, key in enumerate(KEYS)}
        parts = [*quarter.values(), *(whole[key] - quarter[key] for key in KEYS)]
        right = len(found) == 4 and all(any(np.allclose(row, part) for part in parts) for row in found.values())
    event("right" if right else "said")
    assert right or told, (shape, source.notes(), found)


PLAIN = Shape("time", "device", "load", "", "%Y-%m-%d", "%H:%M:%S", False, False, False, False, 1, "csv", ",")


def test_what_is_plain_is_not_refused(tmp_path: Path) -> None:
    shapes = [
        *(replace(PLAIN, time=time) for time in TIMES),
        *(replace(PLAIN, key=key) for key in NAMES),
        *(replace(PLAIN, value=value, form="json") for value in VALUES),
        *(replace(PLAIN, split="Datum,Uhrzeit", day=day, delimiter=";") for day in DAYS),
        *(replace(PLAIN, split="date,time", clock=clock) for clock in CLOCKS),
        replace(PLAIN, day_beside=True),
        replace(PLAIN, late=True),
    ]
    for shape in shapes:
        source = open_source(laid(tmp_path, shape), Columns())
        found = source.series(Query(source.metric, KEYS, SPAN, STEP)).values
        factor = 8 / STEP if source.metric.unit == "bit/s" else 1.0
        assert np.allclose(found, factor * np.array([truth()[key] for key in KEYS])), shape
