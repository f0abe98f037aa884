"""The same job as `generate` and `discover`, written down straightforwardly with pandas and pyplot.

    python -m bench.twin CUSTOMERS WEEKS FOLDER

A frame per customer, one long table on disk, groupby, quantile, merge, a loop over events, a picture of each of the
worst twelve: what one would write in an afternoon, without traps set for it. Nothing of ours is imported.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

END = pd.Timestamp("2026-11-22T10:00Z")
MONDAY = pd.Timestamp("1970-01-05T00:00Z")


def generate(customers: int, weeks: int, folder: Path) -> None:
    """Series with days, weekends and noise, some spikes, and the truth about them."""
    time = pd.date_range(END - pd.Timedelta(weeks=weeks), END, freq="1min", inclusive="left")
    hour = np.asarray(time.hour + time.minute / 60)
    weekend = np.asarray(time.day_of_week >= 5)
    frames, truth = [], []
    for number in range(customers):
        rng = np.random.default_rng(number)
        day = 1 + 0.8 * np.cos((hour - rng.uniform(10, 20)) * 2 * np.pi / 24)
        value = rng.lognormal(17, 1) * day * np.where(weekend, 0.6, 1.0) * rng.lognormal(0, 0.15, len(time))
        key = f"customer-{number:04d}"
        for _ in range(rng.poisson(0.35 * weeks)):
            at, length = rng.integers(0, len(time) - 180), rng.integers(5, 120)
            value[at : at + length] *= rng.uniform(4, 10)
            truth.append({"key": key, "start": time[at], "end": time[at + length]})
        frames.append(pd.DataFrame({"time": time, "key": key, "bytes": np.rint(value * 60 / 8).astype("int64")}))
    pd.concat(frames, ignore_index=True).to_parquet(folder / "traffic.parquet", index=False)
    pd.DataFrame(truth, columns=["key", "start", "end"]).to_csv(folder / "truth.csv", index=False)


def discover(folder: Path) -> None:
    """The p95 of each slot's other weeks, three times that, two in ten minutes; compared with the truth."""
    table = pd.read_parquet(folder / "traffic.parquet")
    table["value"] = table["bytes"] * 8 / 60
    table["hour"] = (table["time"] - MONDAY) // pd.Timedelta(hours=1)
    hourly = table.groupby(["key", "hour"], as_index=False)["value"].quantile(0.95)
    hourly["slot"], hourly["week"] = hourly["hour"] % 168, hourly["hour"] // 168
    parts = []
    for week, own in hourly.groupby("week"):
        others = hourly[hourly["week"] != week].groupby(["key", "slot"])["value"]
        usual = pd.DataFrame({"baseline": others.quantile(0.95), "weeks": others.count()}).reset_index()
        parts.append(own[["key", "hour", "slot"]].merge(usual[usual["weeks"] >= 2], on=["key", "slot"]))
    judged = pd.concat(parts)[["key", "hour", "baseline"]]
    table = table.merge(judged, on=["key", "hour"], how="left")
    table["threshold"] = np.maximum(table["baseline"] * 3, 1e6)
    hot = table[table["value"] > table["threshold"]].sort_values(["key", "time"]).copy()
    gap = hot.groupby("key")["time"].diff()
    hot["event"] = (gap.isna() | (gap >= pd.Timedelta(minutes=10))).cumsum()
    rows = []
    for _, event in hot.groupby("event"):
        if len(event) < 2:
            continue
        peak = event.loc[event["value"].idxmax()]
        rows.append(
            {
                "key": peak["key"],
                "start": event["time"].iloc[0],
                "end": event["time"].iloc[-1] + pd.Timedelta(minutes=1),
                "peak": peak["value"],
                "baseline": peak["baseline"],
                "threshold": peak["threshold"],
                "ratio": peak["value"] / peak["baseline"],
                "excess": ((event["value"] - event["baseline"]) * 60).sum(),
            }
        )
    events = pd.DataFrame(rows).sort_values(["start", "key"])
    truth = pd.read_csv(folder / "truth.csv", parse_dates=["start", "end"])
    truth["label"] = truth.index
    both = events.reset_index().merge(truth, on="key", suffixes=("", "_truth"))
    both = both[(both["start"] < both["end_truth"]) & (both["start_truth"] < both["end"])]
    hits = both["index"].nunique()
    met = both.drop_duplicates("label").set_index("label")
    truth["event"] = met["index"]
    truth["onset_delay_s"] = (met["start"] - met["start_truth"]).dt.total_seconds()
    truth["verdict"] = np.where(truth["event"].notna(), "hit", "miss")
    truth.to_csv(folder / "comparison.csv", index=False)
    there = table.groupby(["key", "hour"], as_index=False)["value"].size()
    there = there.merge(judged, on=["key", "hour"], how="left")
    there[(there["size"] < 30) | there["baseline"].isna()].to_csv(folder / "not_judged.csv", index=False)
    events.to_csv(folder / "events.csv", index=False)
    print(f"{len(events)} events, {hits} of them on one of {len(truth)} labels")
    draw(table, events, folder)


def draw(table: pd.DataFrame, events: pd.DataFrame, folder: Path) -> None:
    """All events, those longer than a minute, and the twelve worst one by one."""
    minutes = (events["end"] - events["start"]).dt.total_seconds() / 60
    for name, chosen in (("events", events), ("events_long", events[minutes > 1])):
        fig, ax = plt.subplots(figsize=(12, 6))
        ax.scatter(chosen["start"], chosen["peak"], c=minutes[chosen.index], s=20 + minutes[chosen.index])
        ax.set_yscale("log")
        fig.savefig(folder / f"{name}.png")
        plt.close(fig)
    for number, event in enumerate(events.nlargest(12, "excess").itertuples()):
        around = pd.Timedelta(hours=3)
        part = table[(table["key"] == event.key) & table["time"].between(event.start - around, event.end + around)]
        fig, ax = plt.subplots(figsize=(12, 5))
        ax.plot(part["time"], part["value"])
        ax.plot(part["time"], part["baseline"])
        ax.plot(part["time"], part["threshold"])
        ax.axvspan(event.start, event.end, alpha=0.2)
        ax.set_title(f"{event.key} {event.start}")
        fig.savefig(folder / f"event_{number}.png")
        plt.close(fig)


if __name__ == "__main__":
    target = Path(sys.argv[3])
    generate(int(sys.argv[1]), int(sys.argv[2]), target)
    discover(target)
