"""Kinds of stores, worlds to put into them, and a slow twin made of dicts that says what they then answer.

A store joins by adding a `Kind`: how a world gets into it. What each owes its readers stands in tests/contract.py;
tests/test_stores.py runs all of it on those here, tests/test_elastic_store.py on real nodes.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from hypothesis import strategies as st

from tests.kentik.account import Account
from tests.kentik.clock import Clock
from tests.kentik.opened import source as source_of
from tests.kentik.server import Kentik
from traffic.model import BITS, DAY, WEEK, Grid, Query, Window, block_bits, week_start
from traffic.store import Columns, open_sink, open_source
from traffic.store.base import ScarceSource, SizedSource, Source
from traffic.store.folder import FORMAT, Manifest, is_store, write_manifest
from traffic.store.kentik.answers import asn_of
from traffic.store.parquet.sink import BLOCK

STEP = 60
MONDAY = week_start(1_736_121_600)
SPAN = Window(MONDAY, MONDAY + 3 * WEEK)
"""Where the values of a world lie."""

SCENARIO = "5ca1ab1e" * 8

World = dict[str, dict[int, int]]
"""Key -> start of a native step -> amount. A step that is not in it is missing."""

NASTY = (
    "customer-1",
    'quoted "name"',
    "with, comma; and semicolon",
    "two\nlines",
    "carriage\r\nreturn",
    "=1+1",
    "-cmd|' /C calc'!A0",
    "../../etc/passwd",
    "Übergrößenträger 客户 🛰",
    " blank around ",
    "O'Neill",
    "%s {0} $1 ?",
    "NULL",
    "007",
    "1e5",
    "a" * 300,
)


class Place(Protocol):
    """Where the worlds of one test go."""

    def put(self, world: World) -> None:
        """Put all of a world into it; what was there before is gone, or the same."""
        ...

    def opened(self) -> Source:
        """The store that it is."""
        ...


@dataclass(frozen=True)
class Kind:
    """A kind of store, and what is peculiar to it."""

    name: str
    at: Callable[[Path], AbstractContextManager[Place]]
    """A place for worlds, given an empty folder for whoever needs one."""
    fills: bool = False
    """Whether a bucket without values inside a key's span is 0."""
    mean: bool = False
    """Whether a bucket is the mean of the rates of what is in it; else their sum."""
    exact: bool = True
    """Whether the store tells from when to when there are values; else it tells a time that holds them all."""
    abilities: tuple[type, ...] = ()
    """Of traffic.store.base: those that it has."""
    step: int | None = STEP
    """What it says of the step."""
    ours: bool = False
    """Whether it knows what was generated into it."""
    resolutions: tuple[int, ...] = (60, 300, 600, 3600)
    """Those that are checked."""
    keyed: Callable[[World], World] = dict
    """The world with keys as this kind has them."""


@dataclass
class FilePlace:
    """A folder or a file."""

    path: Path
    write: Callable[[World, Path], None]
    columns: Columns | None

    def put(self, world: World) -> None:
        self.write(world, self.path)

    def opened(self) -> Source:
        return open_source(str(self.path), self.columns)


def in_files(
    name: str, write: Callable[[World, Path], None], columns: Columns | None = None
) -> Callable[[Path], AbstractContextManager[Place]]:
    """Places of that name below a folder."""
    return lambda folder: nullcontext(FilePlace(folder / name, write, columns))


class KentikPlace:
    """An account of the stand-in, whose fast data are as good as full ones."""

    def __init__(self, fake: Kentik) -> None:
        self._fake = fake

    def put(self, world: World) -> None:
        series, names = {}, {}
        for key, steps in world.items():
            asn = asn_of(key) or 0
            minutes = np.full(SPAN.seconds // STEP, np.nan)
            for time, amount in steps.items():
                minutes[(time - SPAN.start) // STEP] = amount * 8.0 / STEP
            series[asn], names[asn] = minutes, key
        self._fake.account = Account(SPAN.start, series, names, fast=1.0)

    def opened(self) -> Source:
        return source_of(self._fake)


@contextmanager
def in_kentik(_folder: Path) -> Iterator[Place]:
    """A stand-in, soon after the end of the worlds."""
    with Kentik(Account(SPAN.start, {}, {}), clock=Clock(SPAN.end + DAY)) as fake:
        yield KentikPlace(fake)


def as_customers(world: World) -> World:
    """The keys as Kentik has them."""
    names = [f"{''.join(filter(str.isalnum, key))},US ({asn})" for asn, key in enumerate(world, 64512)]
    return dict(zip(names, world.values(), strict=True))


def write_embedded(world: World, folder: Path) -> None:
    """All of a world in one go, a week at a time."""
    sink = open_sink(str(folder), BITS.field, STEP, SCENARIO, len(world), False)
    times = [time for steps in world.values() for time in steps]
    whole = sink.begin(Window(min(times), max(times) + STEP))
    for keys in sink.blocks(list(world)):
        for week in whole.weeks():
            grid = Grid.over(week, STEP)
            amounts = [[world[key].get(time, -1) for time in grid.times().tolist()] for key in keys]
            sink.write(keys, grid, np.array(amounts, dtype=np.int64))
    sink.finish()


def write_embedded_as_before(world: World, folder: Path) -> None:
    """The same with rows of whole weeks, as versions up to 0.2 wrote them: what is in a store decides."""
    if not is_store(folder):
        begin_as_before(folder, len(world))
    write_embedded(world, folder)


def begin_as_before(folder: Path, keys: int, scenario: str = SCENARIO) -> None:
    """A store that a version up to 0.2 has begun."""
    folder.mkdir()
    write_manifest(folder, Manifest(FORMAT, BITS.field, STEP, block_bits(keys, BLOCK), scenario))


def rows_of(world: World) -> list[tuple[int, str, int]]:
    """(time, key, amount), in no helpful order: several rows a step, off the grid, adding up to the amount."""
    rows = []
    for key, steps in world.items():
        for time, amount in steps.items():
            half = amount // 2
            rows += [(time, key, half), (time + STEP - 1, key, amount - half)]
    rows.sort(key=lambda row: (row[2], row[1], row[0]))
    return rows


def write_csv(world: World, path: Path) -> None:
    """ISO times, quoted where need be."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["a comment", "ts", "key", "bytes"])
        for time, key, amount in rows_of(world):
            writer.writerow(["", datetime.fromtimestamp(time, UTC).isoformat(), key, amount])


def write_long_parquet(world: World, path: Path) -> None:
    """Timestamps with a zone; the same rows."""
    rows = rows_of(world)
    times = pa.array([time for time, _, _ in rows], pa.timestamp("s", tz="Europe/Berlin"))
    table = {"ts": times, "key": [key for _, key, _ in rows], "bytes": [amount for _, _, amount in rows]}
    pq.write_table(pa.table(table), path)


_SUMS = Columns("ts", "key", "bytes", statistic="sum", unit="B", scale=8.0)

KINDS = (
    Kind("embedded", in_files("store", write_embedded), ours=True),
    Kind("embedded as before", in_files("store", write_embedded_as_before), ours=True),
    Kind(
        "csv",
        in_files("it's [a] file.csv", write_csv, _SUMS),
        fills=True,
        abilities=(SizedSource,),
        step=None,
    ),
    Kind(
        "parquet",
        in_files("rows.parquet", write_long_parquet, _SUMS),
        fills=True,
        abilities=(SizedSource,),
        step=None,
    ),
    Kind(
        "gaps",
        in_files("rows.parquet", write_long_parquet, replace(_SUMS, empty="missing")),
        abilities=(SizedSource,),
        step=None,
    ),
    Kind(
        "kentik",
        in_kentik,
        mean=True,
        exact=False,
        abilities=(ScarceSource,),
        # Of wider buckets the finer points are averaged first: another mean where there are holes.
        resolutions=(60,),
        keyed=as_customers,
    ),
)


@st.composite
def worlds(draw: st.DrawFn, keys: int = 5) -> World:
    """Some keys with some stretches of values each, holes in them, anywhere in three weeks."""
    any_name = st.sampled_from(NASTY) | st.text(min_size=1, max_size=6)
    names = draw(st.lists(any_name, min_size=1, max_size=keys, unique=True))
    world: World = {}
    for name in names:
        steps: dict[int, int] = {}
        for _ in range(draw(st.integers(1, 3))):
            start = SPAN.start + STEP * draw(st.integers(0, SPAN.seconds // STEP - 1))
            count = min(draw(st.integers(1, 150)), (SPAN.end - start) // STEP)
            chance = np.random.default_rng(draw(st.integers(0, 2**32)))
            there = chance.random(count) < draw(st.sampled_from((0.2, 0.9, 1.0)))
            there[0] = True
            amounts = chance.integers(0, draw(st.sampled_from((2, 10**4, 2**40))), count)
            steps |= {start + STEP * int(i): int(amounts[i]) for i in np.flatnonzero(there)}
        world[name.replace("\0", "0")] = steps
    return world


@st.composite
def queries(
    draw: st.DrawFn, world: World, resolutions: tuple[int, ...] = (60, 300, 600, 3600)
) -> tuple[tuple[str, ...], Window, int]:
    """Keys (unknown ones too), a window that may begin anywhere and reach out of the data, and a resolution."""
    known = draw(st.lists(st.sampled_from(sorted(world)), unique=True))
    keys = draw(st.permutations([*known, *draw(st.sampled_from(((), ("nobody",))))]))
    anchor = draw(st.sampled_from(sorted(time for steps in world.values() for time in steps)))
    start = anchor + draw(st.integers(-20_000, 20_000))
    return (
        tuple(keys),
        Window(start, start + draw(st.integers(0, 400_000))),
        draw(st.sampled_from(resolutions)),
    )


def twin(kind: Kind, source: Source, world: World, query: Query) -> list[list[float]]:
    """The answer, bucket for bucket and value for value."""
    answer = []
    factor = source.metric.factor(query.resolution)
    for key in query.keys:
        steps = world.get(key, {})
        row = []
        for bucket in Grid.over(query.window, query.resolution).times().tolist():
            amounts = [steps[time] for time in range(bucket, bucket + query.resolution, STEP) if time in steps]
            if amounts:
                row.append(sum(amounts) / len(amounts) * 8.0 / STEP if kind.mean else sum(amounts) * factor)
            elif kind.fills and steps and min(steps) <= bucket <= max(steps):
                row.append(0.0)
            else:
                row.append(math.nan)
        answer.append(row)
    return answer


def span_of(steps: dict[int, int]) -> Window:
    """From the first to the end of the last native step."""
    return Window(min(steps), max(steps) + STEP)


@dataclass(frozen=True)
class Request:
    """A line of a log: what a share, a count of errors and a p95 are made of."""

    time: float
    key: str
    milliseconds: float | None
    status: int


LEAST = 10
"""Lines that a share needs."""


@st.composite
def logs(draw: st.DrawFn, keys: int = 3) -> list[Request]:
    """Bursts of requests of some keys, with quiet between them, some without a response time."""
    names = draw(st.lists(st.sampled_from(NASTY), min_size=1, max_size=keys, unique=True))
    chance = np.random.default_rng(draw(st.integers(0, 2**32)))
    lines: list[Request] = []
    for name in names:
        for _ in range(draw(st.integers(1, 3))):
            start = SPAN.start + draw(st.integers(0, SPAN.seconds - 8000))
            count = draw(st.integers(1, 400))
            # Milliseconds are what an index keeps of a time.
            times = start + np.round(chance.random(count) * draw(st.sampled_from((50, 700, 8000))), 3)
            slow = np.round(chance.lognormal(4, 1, count), 2)
            lost = chance.random(count) < 0.1
            status = np.where(chance.random(count) < draw(st.sampled_from((0.0, 0.3, 1.0))), 503, 200)
            lines += [
                Request(float(times[i]), name, None if lost[i] else float(slow[i]), int(status[i]))
                for i in range(count)
            ]
    return lines


def log_queries(lines: list[Request]) -> st.SearchStrategy[tuple[tuple[str, ...], Window, int]]:
    """Keys, a window and a resolution, such that the window holds some of the lines."""
    keys = sorted({line.key for line in lines})
    near = st.sampled_from(sorted(int(line.time) for line in lines))
    windows = st.builds(lambda time, before, size: Window(time - before, time - before + size), near, *2 * (
        st.integers(0, 20_000),
    ))  # fmt: skip
    return st.tuples(st.permutations([*keys, "nobody"]).map(tuple), windows, st.sampled_from((60, 300, 3600)))


def log_twin(lines: list[Request], metric: str, query: Query) -> list[list[float]]:
    """What a log's metric is, bucket for bucket, by the slow and obvious way."""
    answer = []
    for key in query.keys:
        own = [line for line in lines if line.key == key and (not metric.startswith("latency") or line.milliseconds)]
        row = []
        for bucket in Grid.over(query.window, query.resolution).times().tolist():
            inside = [line for line in own if bucket <= line.time < bucket + query.resolution]
            errors = [line for line in inside if line.status >= 500]
            took = [line.milliseconds or 0.0 for line in inside]
            first, last = min((line.time for line in own), default=0.0), max((line.time for line in own), default=-1.0)
            between = bool(own) and first < bucket + query.resolution and bucket <= last
            if metric == "error-share":
                row.append(100 * len(errors) / len(inside) if len(inside) >= LEAST else math.nan)
            elif metric in ("requests", "errors"):
                row.append(float(len(inside if metric == "requests" else errors)) if between else math.nan)
            elif not took:
                row.append(math.nan)
            else:
                row.append(float(np.percentile(took, 95)) if metric == "latency-p95" else float(np.mean(took)))
        answer.append(row)
    return answer
