"""What kentik_event_discovery's arithmetic calls an event, written anew from what it does: a twin to compare with.

Minutes of whole hours, none missing, from the full hour on: what it does with gaps and with other starts is worse, and
stands in docs/original.md. With a checkout of the tool (https://github.com/cyamato/kentik_event_discovery) this holds
the twin against the tool's own functions, on the same traffic:

    python -m bench.original_twin FOLDER
"""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MULTIPLE, FLOOR = 3.0, 1e6
WITHIN = 10
"""Minutes in which two sightings make an alert, and in which a later one belongs to it."""


class Alert(NamedTuple):
    """Minutes since the start of the series of its first and last sighting; peak and threshold in bit/s."""

    start: int
    end: int
    peak: float
    threshold: float


def top(values: Floats) -> Floats:
    """Its p95 along the last axis: the element 0.95 n of n in order, which is the highest of up to 20."""
    return np.sort(values, axis=-1)[..., int(values.shape[-1] * 0.95)]


def thresholds(minutes: Floats) -> Floats:
    """Three times the baseline, an hour each: of all weeks, the judged one among them. `minutes`: whole hours."""
    hourly = top(minutes.reshape(-1, 60))
    weekly = np.array([top(hourly[slot::168]) for slot in range(min(168, len(hourly)))])
    return MULTIPLE * np.resize(weekly, len(hourly))


def sightings(minutes: Floats, limit: Floats) -> list[tuple[int, float]]:
    """Minute and threshold passed, in the order in which it looks.

    It means to take a percentile of two minutes, but takes the second of them. The window that is open at the end of
    an hour is judged twice, both times by the threshold of the next hour.
    """
    hours = len(minutes) // 60
    minute = np.arange(hours * 60).reshape(hours, 60)[:, 1::2]
    passed = limit[:, None] * np.ones(30)
    passed[:-1, -1] = limit[1:]
    times = np.where(np.arange(30) == 29, 2, 1) * np.ones((hours, 1), dtype=np.int64)
    times[-1, -1] = 0  # nothing comes after the last hour
    looked, by = (np.repeat(array.ravel(), times.ravel()) for array in (minute, passed))
    seen = (minutes[looked] > FLOOR) & (minutes[looked] > by)
    return list(zip(looked[seen].tolist(), by[seen].tolist(), strict=True))


def alerts(minutes: Floats) -> list[Alert]:
    """The alerts of one series, in bit/s by the minute."""
    found: list[Alert] = []
    recent: list[int] = []
    for minute, limit in sightings(minutes, thresholds(minutes)):
        recent = [*(past for past in recent if past > minute - WITHIN), minute]
        if len(recent) < 2:
            continue
        if found and minute < found[-1].end + WITHIN:
            last = found[-1]
            found[-1] = last._replace(end=minute, peak=max(last.peak, float(minutes[minute])))
        else:
            found.append(Alert(minute, minute, float(minutes[minute]), limit))
    return found


def of_the_tool(folder: Path, minutes: Floats) -> list[Alert]:
    """The same by the tool's own functions, from a checkout."""
    sys.path.insert(0, str(folder))
    import baseline  # type: ignore[import-not-found]

    sys.path.pop(0)
    tool = baseline.Baselines()
    points = [{"timeIndex": 60_000 * i, "value": value} for i, value in enumerate(minutes.tolist())]
    series = [{"name": "key", "metric": "both_bits_per_sec", "timeSeries": points}]
    with redirect_stdout(StringIO()):
        learned = tool.build_baseline(168, 95, tool.build_roll_up(3600, 95, series))
        found = tool.get_alerts(600, 600, 2, 120, 95, 0, 3600, 200, 1_000_000, "precent", learned, series)
    return [Alert(a["start"] // 60_000, a["end"] // 60_000, a["value"], a["baseline"]) for a in found[0]["alerts"]]


def main(folder: Path) -> None:
    """Twin and tool on the traffic of the bench, and on short ones made up to disagree."""
    from tempfile import TemporaryDirectory

    from bench.original_world import series_of, world

    rng = np.random.default_rng(1)
    made = [rng.lognormal(15.5, 1.5, rng.integers(1, 1000) * 60) for _ in range(200)]
    with TemporaryDirectory() as place:
        traffic = list(series_of(world(Path(place))).values())
    total = 0
    for minutes in (*made, *traffic):
        ours, theirs = alerts(minutes), of_the_tool(folder, minutes)
        assert ours == theirs, (ours[:3], theirs[:3])
        total += len(ours)
    print(f"the same {total:,} alerts on {len(made)} made-up series and {len(traffic)} of the bench")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
