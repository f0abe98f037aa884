"""An explanation as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from math import isfinite, isinf, isnan
from textwrap import wrap
from typing import Any

from analyzer.explaining.values import Explanation, RuleStep, WayStep
from analyzer.report.words import SPLIT_WORDS, clock, day, part_amount, peak_words, percent, short_list, when
from traffic.model import HOUR, Window
from traffic.text import length, si, visible
from traffic.times import iso

SHOWN = 30
"""Buckets that the text lists."""
SHOWN_VALUES = 5
"""Values of a dimension that the text lists."""
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def document(found: Explanation) -> dict[str, Any]:
    """As values for `json.dumps`, figures as they were reckoned with; times as text, what is missing null."""
    said = asdict(found)
    event = said["event"]
    below = said["unusual"] or {"weeks": (), "days": (), "hours": ()}
    for of in (said, below):
        for step in (*of["weeks"], *of["days"], *of["hours"]):
            step["start"] = iso(step["start"])
    for bucket in said["buckets"]:
        bucket["time"] = iso(bucket["time"])
    for name in ("start", "end", "detected", "peak_at") if event else ():
        event[name] = iso(event[name])
    plain: dict[str, Any] = _plain(
        {**said, "hour": iso(found.hour), "metric": found.metric.name, "unit": found.metric.unit}
    )
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def text(found: Explanation, width: int) -> str:
    """For a person: lines of about `width` columns."""
    blocks = (
        _head(found),
        _weeks(found),
        _rules(found, width),
        _limits(found),
        _buckets(found),
        _severity(found),
        _made_of(found),
    )
    parts = ["\n".join(block) for block in blocks]
    return "\n\n".join(part for part in (*parts, "\n".join(_end(found, width))) if part) + "\n"


def _head(found: Explanation) -> Iterator[str]:
    event, unit = found.event, found.metric
    if event is None:
        hour = Window(found.hour, found.hour + HOUR)
        yield f"{visible(found.key)}, {when(hour)} UTC: no event".replace("–", "-")
    else:
        yield f"{visible(found.key)}, {when(event.window)} UTC: event {event.id}".replace("–", "-")
        yield f"{peak_words(event, unit)}, class {event.event_class}, severity {event.severity:.0f}".replace("×", "x")
    if found.not_judged:
        yield f"Not judged: {found.not_judged}"


def _weeks(found: Explanation) -> Iterator[str]:
    time = f"{found.slot % 24:02}:00 {found.timezone}"
    of = {"day": "each day", "workdays": "each weekend" if found.slot >= 24 else "each working day"}
    slot = f"{_DAYS[found.slot // 24]} {time} in each week" if found.slots == "week" else f"{time} of {of[found.slots]}"
    yield f"Hours it was compared with: {slot}, by its p{found.learned_percentile:g}"
    for step in found.weeks:
        yield _step(found, step.start, step.level, step.factor, step.buckets, step.use)
    if found.days:
        yield "Too few of them; the same hour of other days was used:"
        for step in found.days:
            yield _step(found, step.start, step.level, step.factor, step.buckets, step.use)


def _step(found: Explanation, start: int, level: float, factor: float, buckets: int, use: str) -> str:
    scaled = f", level {factor:.3g}x" if factor != 1 else ""
    date = f"{day(start, year=True)} {clock(start)}"
    return f"  {date:>17}  {si(level, found.metric.unit):>12}  {buckets:>4} buckets  {use}{scaled}"


def _rules(found: Explanation, width: int) -> Iterator[str]:
    unit = found.metric.unit
    stated = f"percentile {found.percentile:g}, {found.multiple:g} x, floor {si(found.floor, unit)}"
    yield f"Baseline and limit, rule by rule ({stated})"
    if found.hours:
        known = sum(not isnan(step.level / step.baseline) for step in found.hours if step.baseline)
        yield f"  (level: the median of the {known} hours before over their baselines; --json has them)"
    before: RuleStep | None = None
    idle: list[str] = []
    for step in found.rules:
        changed = before is None or _differ(step.baseline, before.baseline) or _differ(step.limit, before.limit)
        if changed:
            figures = ", ".join(f"{name} {value:.4g}" for name, value in step.figures.items())
            yield f"  {step.rule:<10} baseline {si(step.baseline, unit)}, limit {si(step.limit, unit)}" + (
                f"   ({figures})" if figures else ""
            )
            if before is not None:
                yield from wrap(step.sentence, width, initial_indent="             ", subsequent_indent="             ")
        elif step.on:
            idle.append(step.rule)
        before = step
    off = [step.rule for step in found.rules if not step.on]
    if idle:
        yield from wrap(f"changed nothing: {', '.join(idle)}", width, initial_indent="  ", subsequent_indent="  ")
    if off:
        yield from wrap(f"not on: {', '.join(off)}", width, initial_indent="  ", subsequent_indent="  ")


def _differ(one: float, other: float) -> bool:
    return one != other and not (isnan(one) and isnan(other))


def _limits(found: Explanation) -> Iterator[str]:
    unit = found.metric.unit
    yield "Limits to exceed"
    yield from (_way(found, way) for way in found.ways)
    below = found.unusual
    if below is not None and any(not isnan(way.limit) for way in below.ways):
        usual = below.figures["expected"]
        yield f"... and to be unusual for the series, whose buckets are usually at {si(usual, unit)} then"
        yield from (_way(found, way) for way in below.ways)
        told = [f"{name} {value:.4g}" for name, value in below.figures.items() if value and not isnan(value)]
        yield from wrap(f"({', '.join(told)}; --json has the hours)", 100, initial_indent="  ", subsequent_indent="  ")


def _way(found: Explanation, way: WayStep) -> str:
    unit = found.metric.unit
    buckets = f"{way.buckets} buckets" if way.buckets > 1 else "1 bucket"
    asked = f"{way.name:<12} {si(way.limit, unit):>12} by {buckets} inside {length(way.within)}"
    if isnan(way.reached):
        return f"  {asked}: there are not that many"
    return f"  {asked}: {si(way.reached, unit)} reached, {'exceeded' if way.passed else 'not exceeded'}"


def _buckets(found: Explanation) -> Iterator[str]:
    unit = found.metric.unit
    over = sum(bucket.over for bucket in found.buckets)
    yield f"Buckets of {length(found.resolution)}: {over} of {len(found.buckets)} {found.direction} the limit"
    values = [-1.0 if isnan(bucket.value) else bucket.value for bucket in found.buckets]
    peak = values.index(min(values) if found.direction == "below" else max(values)) if values else 0
    first = max(0, min(peak - SHOWN // 2, len(values) - SHOWN))
    for bucket in found.buckets[first : first + SHOWN]:
        mark, time = "*" if bucket.over else " ", f"{day(bucket.time)} {clock(bucket.time)}"
        yield f"  {mark} {time}  {si(bucket.value, unit):>12}  of {si(bucket.limit, unit)}"
    if len(values) > SHOWN:
        yield f"  ({SHOWN} of {len(values)}, round the peak; --json has all)"


def _severity(found: Explanation) -> Iterator[str]:
    terms = found.terms
    if found.event is not None and found.event.event_class == "new":
        yield f"{visible(found.key)} was not there in the first week of the store: its first day is compared"
        yield "with zero, above the floor. Severity is by volume: the largest new series has 25."
    if terms is None:
        return
    by = "of the usual volume is missing"
    if terms.margin is not None:
        by = "the limit is 0" if isinf(terms.margin) else f"{terms.margin:.3g}x the limit"
    yield (
        f"Severity {terms.severity:.1f} = {terms.least:g} + {terms.most - terms.least:g} x height {terms.height:.3f} "
        f"({by}) x length {terms.length:.3f} ({length(terms.seconds)})"
    )


def _made_of(found: Explanation) -> Iterator[str]:
    if not found.contributors:
        return
    kind = found.contributors[0].split
    yield f"Contributors: {SPLIT_WORDS[kind]}, against the same hours of other weeks"
    shown = short_list(found.contributors, SHOWN_VALUES)
    names = [(visible(row.dimension), visible(row.value)) for row in shown]
    first, second = (max(len(one[place]) for one in names) for place in (0, 1))
    for row, (dimension, value) in zip(shown, names, strict=True):
        share = percent(row.share) or "-"
        more = []
        if row.actual is not None and row.usual is not None:
            now, usual = (part_amount(one, row, found.metric) for one in (row.actual, row.usual))
            of_all = "" if row.weight is None else f" ({percent(row.weight)} of all)"
            more.append(f"{now}, usually {usual}{of_all}")
        if row.rate is not None and row.mix is not None:
            rate, mix = (part_amount(one, row, found.metric) for one in (row.rate, row.mix))
            more.append(f"rate {rate}, mix {mix}")
        more += ["new"] if row.new else []
        yield f"  {dimension:<{first}}  {value:<{second}}  {share:>8}  {'; '.join(more)}".rstrip()


def _end(found: Explanation, width: int) -> Iterator[str]:
    reach = found.reach
    said: Sequence[str] = [reach.why]
    if found.event is not None and found.event.event_class == "policy" and reach.found_at_percent is not None:
        said = [f"{reach.why}; it is an event up to --over-percent {reach.found_at_percent:g}"]
    for one in said:
        yield from wrap(one[:1].upper() + one[1:] + ".", width)
