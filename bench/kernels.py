"""The analysis alone, series in memory: ours, the same in plain pandas, the same in DuckDB SQL.

All three do the whole rule: the p95 of every hour, the p95 of the same slot's other weeks, the threshold, every minute
above it, and the events these make. They must find the same breaches; if they do not, nothing is printed but that.
"""

from __future__ import annotations

from dataclasses import replace
from time import process_time

import duckdb
import numpy as np
import pandas as pd

from analyzer.judging.judged import judge
from analyzer.kernels import baseline as kernel
from analyzer.kernels.breach import Criterion, Runs, runs
from analyzer.kernels.grid import utc
from analyzer.kernels.rollup import roll_up
from analyzer.model import Policy
from bench.paired import HEADER, paired
from traffic.model import FIRST_MONDAY, HOUR, WEEK, Floats, Grid, Rollup

START = FIRST_MONDAY + 2900 * WEEK
KEYS, WEEKS, MINUTES = 100, 8, 7 * 24 * 60
FLOOR = 1e6


def world(keys: int = KEYS, weeks: int = WEEKS, seed: int = 1) -> Floats:
    """Daily waves with 15 % noise and one spike a key and week: bit/s, shape (keys, weeks x 10,080)."""
    rng = np.random.default_rng(seed)
    minute = np.arange(weeks * MINUTES)
    wave = 1 + 0.6 * np.sin((minute % 1440) * (2 * np.pi / 1440))
    values = rng.lognormal(17, 1, (keys, 1)) * wave * rng.lognormal(0, 0.15, (keys, len(minute)))
    for key in range(keys):
        for week in range(weeks):
            at = week * MINUTES + rng.integers(0, MINUTES - 60)
            values[key, at : at + rng.integers(5, 60)] *= 6
    return values


def ours(values: Floats) -> Runs:
    """A block of keys at a time, as discover does it."""
    parts = []
    for first in range(0, len(values), 64):
        block = values[first : first + 64]
        hours = roll_up(block, 60)
        usual, _ = kernel.other_weeks(
            kernel.learnable(hours.high, hours.count, 60, 0.5), utc(START, hours.high.shape[1]), 95.0
        )
        limit = kernel.threshold(usual, 3.0, FLOOR)
        row, hour = np.nonzero(kernel.suspects(hours.maximum, limit))
        minutes = block.reshape(len(block), -1, 60)[row, hour]
        hot, minute = np.nonzero(minutes > limit[row, hour][:, None])
        parts.append(
            (first + row[hot], START + (hour[hot] * 60 + minute) * 60, minutes[hot, minute], usual[row, hour][hot])
        )
    key, time, value, usual = (np.concatenate(column) for column in zip(*parts, strict=True))
    return runs(key, time, value, usual, [Criterion(np.ones(len(key), dtype=bool), 2, 600)], 600, 60)


def judged(values: Floats, policy: Policy) -> int:
    """Roll-ups, baselines and limits of all keys, a block at a time; how many hours are suspect."""
    hot = 0
    for first in range(0, len(values), 64):
        hours = roll_up(values[first : first + 64], 60)
        keys = tuple(f"customer-{number:04d}" for number in range(len(hours.high)))
        rollup = Rollup(keys, Grid(START, HOUR, hours.high.shape[1]), hours)
        hot += sum(int(kernel.suspects(hours.maximum, one.threshold).sum()) for one in judge(rollup, policy, 60))
    return hot


def frame(values: Floats) -> pd.DataFrame:
    """The same series as a long table of customer, timestamp, value: what a query or a file gives."""
    keys, minutes = values.shape
    time = pd.to_datetime(START + 60 * np.arange(minutes), unit="s")
    names = [f"customer-{number:04d}" for number in range(keys)]
    return pd.DataFrame({"key": np.repeat(names, minutes), "time": np.tile(time, keys), "value": values.ravel()})


def with_pandas(table: pd.DataFrame) -> int:
    """Group, quantile, merge: how it is written down first. Answers the number of events."""
    table = table.assign(hour=table["time"].dt.floor("h"))
    hourly = table.groupby(["key", "hour"], as_index=False)["value"].quantile(0.95)
    hourly["slot"] = hourly["hour"].dt.dayofweek * 24 + hourly["hour"].dt.hour
    hourly["week"] = hourly["hour"].dt.to_period("W")
    parts = []
    for number, week in hourly.groupby("week"):
        others = hourly[hourly["week"] != number]
        usual = others.groupby(["key", "slot"], as_index=False)["value"].quantile(0.95)
        parts.append(week[["key", "hour", "slot"]].merge(usual, on=["key", "slot"]))
    baseline = pd.concat(parts)[["key", "hour", "value"]].rename(columns={"value": "baseline"})
    joined = table.merge(baseline, on=["key", "hour"])
    hot = joined[joined["value"] > np.maximum(joined["baseline"] * 3, FLOOR)].sort_values(["key", "time"])
    gap = hot.groupby("key")["time"].diff()
    hot["event"] = (gap.isna() | (gap >= pd.Timedelta(minutes=10))).cumsum()
    return int((hot.groupby("event").size() >= 2).sum())


SQL = """
with hourly as (
    select key, date_trunc('hour', time) as hour, isodow(hour) * 24 + hour(hour) as slot,
           date_trunc('week', hour) as week, quantile_cont(value, 0.95) as p95
    from minutes group by all
), baseline as (
    select a.key, a.hour, quantile_cont(b.p95, 0.95) as usual
    from hourly a join hourly b on a.key = b.key and a.slot = b.slot and a.week <> b.week group by all
), hot as (
    select m.key, m.time, m.time - lag(m.time) over (partition by m.key order by m.time) as gap
    from minutes m join baseline b on m.key = b.key and date_trunc('hour', m.time) = b.hour
    where m.value > greatest(3 * b.usual, $floor)
), numbered as (
    select key, sum(case when gap < interval 10 minutes then 0 else 1 end) over (order by key, time) as event from hot
)
select count(*) from (select event from numbered group by event having count(*) >= 2)
"""


def report() -> str:
    """The section of docs/benchmarks.md."""
    values = world()
    long = frame(values)
    database = duckdb.connect()
    database.register("long", long)
    database.execute("create table minutes as from long")

    def with_duckdb() -> int:
        return int(database.execute(SQL, {"floor": FLOOR}).fetchall()[0][0])

    counts = {"ours": len(ours(values).first), "pandas": with_pandas(long), "DuckDB": with_duckdb()}
    if len(set(counts.values())) != 1:
        return f"The three do not find the same events: {counts}. No ratio.\n"
    pandas = paired(lambda: ours(values), lambda: with_pandas(long), 3)
    sql = paired(lambda: ours(values), with_duckdb, 5)
    whole = Policy(floor=FLOOR)
    ruled = replace(whole, classes=("policy",))
    plain = replace(ruled, rules=())
    rules = paired(lambda: judged(values, plain), lambda: judged(values, ruled), 15, process_time)
    everything = paired(lambda: judged(values, plain), lambda: judged(values, whole), 15, process_time)
    return "\n".join(
        [
            f"{KEYS} keys x {WEEKS} weeks x 1 min ({values.size / 1e6:.1f} M points) in memory, each in its own form;",
            f"all three find the same {counts['ours']} events.",
            "",
            HEADER,
            pandas.row("pandas, groupby and quantile", "25x, goal 40x"),
            sql.row("DuckDB, SQL", "5x, goal 10x"),
            "",
            "Roll-ups and thresholds alone, by the plain rule and with all the rules of detection.md on top of it, in",
            "seconds of processor time, which other work on the machine hardly shows in:",
            "",
            HEADER.replace("ours", "plain").replace("theirs", "ruled"),
            rules.row("all rules on", "at most 4x"),
            everything.row("and the class unusual", "at most 4x"),
            "",
        ]
    )
