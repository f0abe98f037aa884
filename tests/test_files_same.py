"""The same series in every form that is read gives the same events."""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.model import Event, Policy
from analyzer.pipeline import Ledger, Search, discover
from analyzer.reading.scope import Scope
from tests.conformance import MONDAY
from traffic.model import DAY, WEEK
from traffic.store import Columns, open_source

STEP = 600
A_DAY = DAY // STEP
COUNT = 5 * WEEK // STEP
Rows = list[tuple[int, str, float]]
Form = Callable[[Rows, Path, np.random.Generator], Columns]

PLAIN = Columns("ts", "key", "value")


def world(seed: int) -> Rows:
    """Some series with days, noise, a few surges and some holes, in order of time."""
    rng = np.random.default_rng(seed)
    rows: Rows = []
    for number in range(3):
        day = 2 + np.sin(np.arange(COUNT) % A_DAY * (2 * np.pi / A_DAY) + number)
        values = np.round(1000 * day * rng.lognormal(0, 0.1, COUNT), int(rng.integers(0, 4)))
        for start in rng.integers(0, COUNT - 20, 4).tolist():
            values[start : start + int(rng.integers(1, 12))] *= 8
        there = rng.random(COUNT) > 0.02
        rows += [
            (MONDAY + STEP * place, f"key {number}", float(values[place])) for place in np.flatnonzero(there).tolist()
        ]
    return sorted(rows)


def iso(time: int) -> str:
    return datetime.fromtimestamp(time, UTC).isoformat()


def table(rows: list[tuple[object, ...]], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("ts", "key", "value"), *rows])


def as_csv(rows: Rows, path: Path, _rng: np.random.Generator) -> Columns:
    table([(iso(time), key, value) for time, key, value in rows], path)
    return PLAIN


def shuffled(rows: Rows, path: Path, rng: np.random.Generator) -> Columns:
    table([(rows[place][0], *rows[place][1:]) for place in rng.permutation(len(rows)).tolist()], path)
    return PLAIN


def jittered(rows: Rows, path: Path, rng: np.random.Generator) -> Columns:
    shift = rng.uniform(0, STEP, len(rows)).tolist()
    table([(f"{time + more:.3f}", key, value) for (time, key, value), more in zip(rows, shift, strict=True)], path)
    return PLAIN


def milliseconds(rows: Rows, path: Path, _rng: np.random.Generator) -> Columns:
    table([(time * 1000, key, value) for time, key, value in rows], path)
    return PLAIN


def split_in_two(rows: Rows, path: Path, rng: np.random.Generator) -> Columns:
    """Two rows a bucket, halves of the value, that a sum brings together."""
    halves = [(time + at, key, value / 2) for time, key, value in rows for at in (0, 17)]
    table([halves[place] for place in rng.permutation(len(halves)).tolist()], path)
    return replace(PLAIN, statistic="sum", empty="missing")


def ndjson(rows: Rows, path: Path, _rng: np.random.Generator) -> Columns:
    lines = [json.dumps({"ts": iso(time), "of": {"key": key}, "value": value}) for time, key, value in rows]
    path.write_text("\n".join(lines))
    return replace(PLAIN, key="of.key")


def parquet(rows: Rows, path: Path, _rng: np.random.Generator) -> Columns:
    times, keys, values = zip(*rows, strict=True)
    pq.write_table(pa.table({"ts": pa.array(times, pa.timestamp("s")), "key": keys, "value": values}), path)
    return PLAIN


def wide(rows: Rows, path: Path, _rng: np.random.Generator) -> Columns:
    keys = sorted({key for _, key, _ in rows})
    cells: dict[int, dict[str, float]] = {}
    for time, key, value in rows:
        cells.setdefault(time, {})[key] = value
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["ts", *keys])
        writer.writerows([iso(time), *(of.get(key, "") for key in keys)] for time, of in cells.items())
    return Columns("ts", wide=True)


def local(zone: str, named: bool) -> Form:
    """Times as the clocks of a place show them, with their offset or without."""

    def write(rows: Rows, path: Path, _rng: np.random.Generator) -> Columns:
        here = [datetime.fromtimestamp(time, ZoneInfo(zone)) for time, _, _ in rows]
        times = [time if named else time.replace(tzinfo=None) for time in here]
        table([(time.isoformat(" "), *row[1:]) for time, row in zip(times, rows, strict=True)], path)
        return PLAIN if named else replace(PLAIN, zone=zone)

    return write


FORMS: dict[str, Form] = {
    "shuffled.csv": shuffled,
    "jittered.csv": jittered,
    "milliseconds.csv": milliseconds,
    "halves.csv": split_in_two,
    "rows.ndjson": ndjson,
    "rows.parquet": parquet,
    "wide.csv": wide,
    **{
        f"{zone.replace('/', ' ')} {'with' if named else 'without'} offset.csv": local(zone, named)
        for zone in ("America/New_York", "Asia/Kolkata", "Pacific/Auckland")
        for named in (True, False)
    },
}


def events(path: Path, columns: Columns, output: Path) -> list[Event]:
    source = open_source(str(path), columns)
    job = Search(output, Policy(), Scope(STEP, MONDAY + 10 * WEEK))
    return list(discover(source, job, None, Ledger(), lambda _done, _all: None).events)


@pytest.mark.slow
@settings(deadline=None, max_examples=3)
@given(seed=st.integers(0, 2**32))
def test_every_form_of_the_same_series_gives_the_same_events(seed: int) -> None:
    rows = world(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        columns = as_csv(rows, folder / "rows.csv", np.random.default_rng(seed))
        expected = events(folder / "rows.csv", columns, folder / "plain")
        assert expected
        for number, (file, form) in enumerate(FORMS.items()):
            columns = form(rows, folder / file, np.random.default_rng(seed))
            assert events(folder / file, columns, folder / str(number)) == expected, file
