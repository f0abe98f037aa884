"""The embedded store beside a DuckDB table of rows: writing, reading everything, bytes on disk."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import numpy as np

from analyzer.reading.blocks import groups
from bench.kernels import START
from bench.paired import HEADER, paired, seconds
from traffic.model import BITS, WEEK, Grid, Ints, Query, Window
from traffic.store import open_sink, open_source

KEYS, WEEKS, STEPS = 500, 8, 7 * 24 * 60
WINDOW = Window(START, START + WEEKS * WEEK)


def amounts(keys: int, week: int) -> Ints:
    """Bytes a minute with days and 15 % noise, shape (keys, 10,080)."""
    rng = np.random.default_rng([week, keys])
    rate = np.random.default_rng(keys).lognormal(17, 1, (keys, 1)) * 60 / 8
    day = 1 + 0.6 * np.sin(np.arange(STEPS) % 1440 * (2 * np.pi / 1440))
    return np.rint(rate * day * rng.lognormal(0, 0.15, (keys, STEPS))).astype(np.int64)


def write_store(folder: Path, names: list[str]) -> None:
    """As `generate` writes it."""
    sink = open_sink(str(folder), "network.bytes", 60, scenario="bench", keys=len(names), replace=False)
    sink.begin(WINDOW)
    for week, window in enumerate(WINDOW.weeks()):
        for number, block in enumerate(sink.blocks(names)):
            sink.write(block, Grid.over(window, 60), amounts(len(block), 100 * week + number))
    sink.finish()


def read_store(folder: Path) -> float:
    """Everything, a block of keys at a time, as `discover` reads it; answers the sum."""
    source = open_source(str(folder))
    spans = source.keys(WINDOW)
    return sum(
        float(np.nansum(source.series(Query(BITS, keys, reach, 60)).values))
        for keys, reach in groups(spans, WINDOW, 60, source.limits(60))
    )


def report() -> str:
    """The section of docs/benchmarks.md."""
    names = [f"customer-{number:04d}" for number in range(KEYS)]
    points = KEYS * WEEKS * STEPS
    with TemporaryDirectory() as temporary:
        folder, table = Path(temporary) / "store", Path(temporary) / "rows.duckdb"
        wrote = seconds(lambda: write_store(folder, names))
        source = open_source(str(folder))
        database = duckdb.connect(str(table))
        database.execute("create table minutes (key varchar, time bigint, bytes bigint)")
        for key in names:
            values = source.series(Query(BITS, (key,), WINDOW, 60)).values[0]
            time, sent = WINDOW.start + 60 * np.arange(values.size), np.rint(values * 60 / 8).astype(np.int64)
            database.execute(
                "insert into minutes select $1, unnest($2::bigint[]), unnest($3::bigint[])", [key, time, sent]
            )
        database.execute("checkpoint")
        on_disk = sum(path.stat().st_size for path in folder.rglob("*.parquet"))

        def read_table() -> float:
            # The same form: a matrix of float64 in bit/s, a row for each key.
            total = 0.0
            for first in range(0, KEYS, 64):
                block = names[first : first + 64]
                found = database.execute(
                    "select key, time, bytes from minutes where key in (select unnest($1)) order by key, time", [block]
                ).fetchnumpy()
                total += float(np.nansum(np.asarray(found["bytes"]).reshape(len(block), -1) * (8 / 60)))
            return total

        if not np.isclose(read_store(folder), read_table()):
            return "The two do not hold the same traffic. No ratio.\n"
        ratio = paired(lambda: read_store(folder), read_table, 3)
        size = table.stat().st_size
    return "\n".join(
        [
            f"{KEYS} keys x {WEEKS} weeks x 1 min ({points / 1e6:.1f} M points), seasonal with 15 % noise.",
            f"Ours: **{on_disk / points:.2f} bytes a point** (asked: at most 4.1), made and written at",
            f"{points / wrote / 1e6:.0f} M points/s; DuckDB: {size / points:.2f} bytes a point.",
            "",
            HEADER,
            ratio.row("reading all series, DuckDB table of rows", "5x"),
            "",
        ]
    )
