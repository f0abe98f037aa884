"""Findings made up for the tests of the reports: believable enough to look at, the same for the same arguments."""

import numpy as np

from analyzer.kernels.severity import height_of, severity
from analyzer.model import Event, Findings, NotJudged, Policy, Suppressed, Trace, event_id
from analyzer.outcome import EventVerdict, LabelVerdict, Outcome, Verdict
from traffic.coverage import Coverage, Holding
from traffic.model import BITS, DAY, HOUR, WEEK, Grid, Kind, Label, Metric, Window

MONDAY = 1_789_948_800  # 2026-09-21T00:00:00Z
NASTY_KEYS = (
    "=SUM(A1)",
    'quoted "name", Inc.',
    "two\nlines",
    "../../etc/passwd",
    "'quoted",
    "@home",
    "東京 $x^2$",
    "-1\t",
)


def make_event(key: str, start: int, minutes: float = 20, ratio: float | None = 6.0, baseline: float = 5e7) -> Event:
    """An event with plausible figures."""
    end = start + round(minutes * 60)
    peak = baseline * ratio if ratio is not None else 4e7
    threshold = max(3 * baseline, 1e6)
    peak_at = start + (end - start) // 120 * 60
    matters = severity(height_of(np.array(peak / threshold)), np.array(float(end - start)), 25.0, 100.0)
    return Event(
        *(event_id(key, "bits", "above", start), key, start, end, min(end, start + 120), max(1, round(minutes))),
        *(peak_at, peak, baseline, threshold, ratio, 0.8 * (peak - baseline) * (end - start)),
        severity=float(matters),
    )


def make_trace(event: Event, step: int = 60, around: float = 6, full: bool = False, gaps: bool = False) -> Trace:
    """A day's curve with the event on it; minutes only in the event's hours unless `full`."""
    rng = np.random.default_rng(int(event.id, 16) % 2**32)
    first = event.start - round(around * HOUR)
    grid = Grid.over(Window(first - first % HOUR, event.end + round(around * HOUR)).widen(HOUR), step)
    times = grid.times()
    base = event.baseline or 1e6
    day = 0.45 * base * (1 + 0.5 * np.sin((times % DAY) / DAY * 2 * np.pi - 2))
    values = day * rng.lognormal(0, 0.12, grid.count)
    during = (times >= event.start) & (times < event.end)
    lift = np.where(during, 0.75 + 0.2 * rng.random(grid.count), 0.0) * event.peak
    values = np.where(during, np.maximum(values, lift), values)
    values[grid.index(event.peak_at)] = event.peak
    per_hour = HOUR // step
    hour = np.arange(grid.count) // per_hour
    if gaps:
        values[(hour == 1) | (np.arange(grid.count) == 3 * per_hour + 5)] = np.nan
    hours = values.reshape(-1, per_hour)
    present = np.isfinite(hours).any(axis=1)
    mean = np.full(len(hours), np.nan)
    mean[present] = np.nanmean(hours[present], axis=1)
    if not full:
        hot = np.unique(hour[during])
        values = np.where(np.isin(hour, hot), values, np.nan)
    wave = base * (0.9 + 0.1 * np.sin(np.arange(len(hours))))
    wave[hour[during]] = base
    baseline = np.repeat(wave, per_hour)
    scale = event.threshold / base
    start = event.start - event.start % HOUR - 3 * WEEK
    weeks = Window(start, start + 6 * WEEK)
    clock = np.arange(weeks.start, weeks.end, HOUR)
    hourly = 0.45 * base * (1 + 0.5 * np.sin((clock % DAY) / DAY * 2 * np.pi - 2)) * rng.lognormal(0, 0.08, len(clock))
    if gaps:
        hourly[100:130] = np.nan
    lines = {"usual": np.repeat(mean, per_hour), "baseline": baseline, "threshold": baseline * scale}
    return Trace(event.id, grid, values, **lines, weeks=weeks, hourly=hourly.astype(np.float32))


def make_findings(
    count: int = 3,
    truth: bool = True,
    seed: int = 1,
    keys: tuple[str, ...] = (),
    weeks: int = 6,
    metric: Metric = BITS,
    traces: int = 12,
    store: str = "output/traffic",
) -> Findings:
    """`count` events over `weeks` weeks; with a truth, most of them are hits."""
    rng = np.random.default_rng(seed)
    keys = keys or tuple(f"customer-{i:03d}" for i in range(1, 51))
    window = Window(MONDAY, MONDAY + weeks * WEEK)
    base = rng.lognormal(17.5, 0.7, len(keys))
    events = []
    for i in range(count):
        k = int(rng.integers(len(keys)))
        start = window.start + int(rng.integers(10, weeks * WEEK // 60 - 600)) * 60
        minutes = int(np.clip(rng.lognormal(3, 1.2), 1, 600))
        ratio = None if i % 97 == 96 else float(3.1 + rng.lognormal(1, 0.8))
        events.append(make_event(keys[k], start, minutes, ratio, float(base[k]) if ratio is not None else 0.0))
    events = sorted({event.id: event for event in events}.values(), key=lambda e: (e.start, e.key))
    verdict = make_verdict(events, keys, window) if truth else None
    worst = {e.id for e in sorted(events, key=lambda e: -e.severity)[:traces]}
    gone = [
        NotJudged(key, window.start, window.start + 2 * WEEK, "fewer than 2 other weeks") for key in sorted(keys)[:3]
    ]
    gone += [NotJudged(max(keys), window.end - DAY, window.end, "too few buckets in the hour")]
    rows = len(keys) * window.seconds // 60
    coverage = Coverage((Holding(store, rows, rows, first=window.start, last=window.end - 60),), "values", (rows, rows))
    return Findings(
        store=store,
        metric=metric,
        window=window,
        resolution=60,
        policy=Policy(floor=1e6),
        keys=keys,
        events=tuple(events),
        not_judged=tuple(sorted(gone)),
        labels=tuple(o.label for o in verdict.outcomes) if verdict else (),
        verdict=verdict,
        coverage=coverage,
        suppressed=tuple(Suppressed(key, "ordinary for this series", 3 + i) for i, key in enumerate(sorted(keys)[:2])),
        traces=tuple(make_trace(e, full=i % 3 == 0, gaps=i % 4 == 0) for i, e in enumerate(events) if e.id in worst),
    )


def make_verdict(events: list[Event], keys: tuple[str, ...], window: Window) -> Verdict:
    """Of ten events eight hit, one is neutral and one a false alarm; some labels are missed, some decoys fire."""
    outcomes: list[Outcome] = []
    of_event: dict[str, tuple[EventVerdict, str]] = {}

    def add(key: str, start: int, end: int, kind: Kind, verdict: LabelVerdict, event: Event | None = None) -> str:
        shape = {"required": "square", "optional": "ramp", "ignore": "outage", "decoy": "backup"}[kind]
        label = Label(f"L{len(outcomes):04d}", key, start, end, shape, 6.0, "above", kind)
        delay = event.detected - start if event and verdict == "hit" else None
        overlap = label.window.overlap(event.window) if event else 0
        outcomes.append(Outcome(label, verdict, event.id if event else "", delay, overlap))
        return label.id

    for i, event in enumerate(events):
        if i % 10 == 4:
            of_event[event.id] = ("neutral", add(event.key, event.start - 60, event.end, "optional", "neutral", event))
        elif i % 10 == 7:
            of_event[event.id] = ("false alarm", "")
            if i % 20 == 7:
                add(event.key, event.start, event.end, "decoy", "fired", event)
        else:
            of_event[event.id] = ("hit", add(event.key, event.start - 60, event.end + 60, "required", "hit", event))
        if i % 25 == 2:
            add(keys[i % len(keys)], event.start + 5 * HOUR, event.start + 6 * HOUR, "required", "miss")
        if i % 30 == 1:
            add(keys[i % len(keys)], event.start + 9 * HOUR, event.start + 9 * HOUR + 60, "decoy", "quiet")
    add(keys[0], window.start + DAY, window.start + DAY + HOUR, "required", "not judged")
    return Verdict(tuple(sorted(outcomes, key=lambda o: (o.label.start, o.label.key, o.label.id))), of_event)
