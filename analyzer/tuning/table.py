"""tuning.csv, and the text that a sweep prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import wrap
from typing import Any

from analyzer.report.columns import COUNT, NUMBER, TEXT, Column, CsvTable, optional, rounded
from analyzer.report.words import plural
from analyzer.tuning import sizes as by_size
from analyzer.tuning.score import Halves, Interval, Score
from analyzer.tuning.sizes import Sizes
from traffic.text import length
from traffic.times import iso

SHOWN = 15


@dataclass(frozen=True, eq=False)
class Tuned:
    """The result of a sweep."""

    scores: Sequence[Score]
    present: Score
    front: Sequence[Score]
    chosen: Score | None
    """The recommended policy; if None, `why_not` says why."""
    why_not: str
    parts: Halves | None
    sure: Interval | None
    """Of the chosen policy, on the last weeks."""
    incidents: int | None
    """Number of incidents to be found; None without a truth."""
    budget: float | None
    engine: str = "discover"
    """What raised the alerts: a name of `analyzer.tuning.tried.ENGINES`."""
    sizes: Mapping[str, Sizes] = field(default_factory=dict)
    """For `present` and `recommended`, if the sizes of incidents are known."""

    def point(self, one: Score) -> tuple[float, float] | None:
        """Alerts per week, and the share of incidents that is found; None if nothing was judged."""
        rate = one.per_week()
        return None if rate is None or not self.incidents else (rate, one.total(one.hits) / self.incidents)


@dataclass(frozen=True, eq=False)
class TuningRow:
    """A row of tuning.csv."""

    score: Score
    tuned: Tuned


def _part(row: TuningRow, what: str, first: bool) -> Any:
    if row.tuned.parts is None:
        return None
    part = row.tuned.parts.first if first else row.tuned.parts.last
    one = row.score
    if what == "alerts":
        return one.per_week(part)
    return one.total({"hits": one.hits, "misses": one.misses, "false": one.false_alarms}[what], part)


def _yes(value: bool) -> str:
    return "yes" if value else ""


TUNING: CsvTable[TuningRow] = CsvTable(
    "tuning.csv",
    (
        Column("policy", TEXT, lambda r: r.score.candidate.words, "", "settings that were varied"),
        Column("present", TEXT, lambda r: _yes(r.score is r.tuned.present), "", "yes: the policy of the run"),
        Column("front", TEXT, lambda r: _yes(r.score in r.tuned.front), "", "yes: none finds more with fewer"),
        Column("chosen", TEXT, lambda r: _yes(r.score is r.tuned.chosen), "", "yes: recommended"),
        Column("hits", COUNT, lambda r: r.score.total(r.score.hits), "", "incidents found"),
        Column("misses", COUNT, lambda r: r.score.total(r.score.misses), "", "incidents missed"),
        Column("not_judged", COUNT, lambda r: r.score.total(r.score.not_judged), "", "incidents in time not judged"),
        Column("false_alarms", COUNT, lambda r: r.score.total(r.score.false_alarms), "", "alerts without incident"),
        Column("alerts", COUNT, lambda r: r.score.total(r.score.alerts), "", "all alerts"),
        Column("alerts_per_week", optional(NUMBER), lambda r: r.score.per_week(), "1/week", "in judged time"),
        Column("worst_key", TEXT, lambda r: r.score.worst_key, "", "series with the most alerts"),
        Column("worst_per_week", NUMBER, lambda r: r.score.worst_per_week, "1/week", "alerts of that series"),
        Column("night_share", optional(NUMBER), lambda r: r.score.night, "", "of alerts, 22 to 6, local time"),
        Column("median_delay_s", optional(NUMBER), lambda r: r.score.delay, "s", "start to detection, over the hits"),
        Column("hits_first", optional(COUNT), lambda r: _part(r, "hits", True), "", "first weeks, used to choose"),
        Column("false_first", optional(COUNT), lambda r: _part(r, "false", True), "", "false alarms, first weeks"),
        Column("alerts_per_week_first", optional(NUMBER), lambda r: _part(r, "alerts", True), "1/week", "same"),
        Column("hits_last", optional(COUNT), lambda r: _part(r, "hits", False), "", "last weeks, used to test"),
        Column("misses_last", optional(COUNT), lambda r: _part(r, "misses", False), "", "misses, last weeks"),
        Column("false_last", optional(COUNT), lambda r: _part(r, "false", False), "", "false alarms, last weeks"),
        Column("alerts_per_week_last", optional(NUMBER), lambda r: _part(r, "alerts", False), "1/week", "same"),
    ),
)  # fmt: skip


def rows(tuned: Tuned) -> list[TuningRow]:
    """The rows of all policies, in the order of the grid."""
    return [TuningRow(one, tuned) for one in tuned.scores]


def document(tuned: Tuned, sent: int) -> dict[str, Any]:
    """As values for `json.dumps`."""
    parts, sure = tuned.parts, tuned.sure
    return {
        "policies": len(tuned.scores),
        "queries_sent": sent,
        "engine": tuned.engine,
        "incidents": tuned.incidents,
        "budget_per_week": tuned.budget,
        "chosen_on": None if parts is None else [iso(parts.window.start), iso(parts.border)],
        "judged_on": None if parts is None else [iso(parts.border), iso(parts.window.end)],
        "present": TUNING.document(TuningRow(tuned.present, tuned)),
        "chosen": None if tuned.chosen is None else TUNING.document(TuningRow(tuned.chosen, tuned)),
        "why_not": tuned.why_not or None,
        "interval_90": None
        if sure is None
        else {"recall": _pair(sure.recall), "alerts_per_week": _pair(sure.per_week)},
        "sizes": {name: by_size.document(one) for name, one in tuned.sizes.items()},
        "front": [TUNING.document(TuningRow(one, tuned)) for one in tuned.front],
    }


def _pair(bounds: tuple[float, float] | None) -> list[float] | None:
    return None if bounds is None else [rounded(bound) for bound in bounds]


def text(tuned: Tuned, width: int) -> str:
    """For a person."""
    return "\n".join(_lines(tuned, width)) + "\n"


def _lines(tuned: Tuned, width: int) -> Iterator[str]:
    known = tuned.incidents is not None
    yield f"{plural(len(tuned.scores), 'policy', 'policies')} tried" + (
        f" on {plural(tuned.incidents or 0, 'incident')}"
        if known
        else "; there are no labels, so only alerts are counted"
    )
    if tuned.engine != "discover":
        yield f"Alerts are those of its rules in {tuned.engine.capitalize()} (./sl.py rules), not of discover"
    yield ""
    listed = list(tuned.front) if known else sorted(tuned.scores, key=lambda one: one.per_week() or 0.0)
    step = max(1.0, (len(listed) - 1) / (SHOWN - 1))
    shown = [listed[round(place * step)] for place in range(min(SHOWN, len(listed)))]
    if known:
        yield "Front: no policy finds more with as few alerts. * is the current policy, > the recommended one"
    else:
        yield "By alerts a week. * is the current policy"
    extra = [one for one in (tuned.present, tuned.chosen) if one is not None and one not in shown]
    table = [_HEAD, *(_cells(one, tuned) for one in (*shown, *dict.fromkeys(extra)))]
    wide = [max(len(row[column]) for row in table) for column in range(len(_HEAD))]
    for row in table:
        cells = [
            row[0],
            f"{row[1]:<{wide[1]}}",
            *(f"{cell:>{room}}" for cell, room in zip(row[2:], wide[2:], strict=True)),
        ]
        yield "  ".join(cells).rstrip()
    if len(listed) > len(shown):
        yield f"  ({len(shown)} of {len(listed)}; all in {TUNING.file})"
    yield ""
    yield from _choice(tuned, width)
    for name, one in tuned.sizes.items():
        yield ""
        yield from by_size.lines(one, f"{'current' if name == 'present' else name} policy")


_HEAD = ("  ", "policy", "hits", "misses", "not judged", "false", "alerts/week", "worst series", "at night", "delay")


def _cells(one: Score, tuned: Tuned) -> tuple[str, ...]:
    mark = ("*" if one is tuned.present else " ") + (">" if one is tuned.chosen else " ")
    counts = [f"{one.total(what):,}" for what in (one.hits, one.misses, one.not_judged, one.false_alarms)]
    rate, night = one.per_week(), one.night
    known = tuned.incidents is not None
    return (
        mark,
        one.candidate.words,
        *(counts if known else ["-"] * 4),
        "-" if rate is None else f"{rate:.1f}",
        f"{one.worst_per_week:.1f}",
        "-" if night is None else f"{100 * night:.0f} %",
        "-" if one.delay is None else length(one.delay),
    )


def _choice(tuned: Tuned, width: int) -> Iterator[str]:
    parts, chosen = tuned.parts, tuned.chosen
    if chosen is None or parts is None:
        yield from wrap(f"No recommendation: {tuned.why_not}.", width)
        return
    by = "the most hits within the budget" if tuned.budget is not None else "the highest F1"
    yield from wrap(
        f"Recommended: {chosen.candidate.words}. Chosen by {by} on the weeks up to {iso(parts.border)[:10]}, tested "
        "on those after it (the baselines of both are learned from all weeks):",
        width,
    )
    for name, one in (("current", tuned.present), ("recommended", chosen)):
        yield f"  {name:<12} first weeks {_half(one, parts.first)}; last weeks {_half(one, parts.last)}"
    if tuned.sure is not None:
        said = [f"recall {_range(tuned.sure.recall, 2)}"] if tuned.sure.recall else []
        said += [f"alerts a week {_range(tuned.sure.per_week, 1)}"] if tuned.sure.per_week else []
        weeks = plural(int(parts.last.sum()), "week")
        yield from wrap(f"On the last weeks, 90 % of bootstrap samples of {weeks}: {', '.join(said)}.", width)


def _half(one: Score, part: Any) -> str:
    rate = one.per_week(part)
    wanted = sum(one.total(what, part) for what in (one.hits, one.misses, one.not_judged))
    alerts = "not judged" if rate is None else f"{rate:.1f} alerts a week"
    return f"{one.total(one.hits, part)} of {wanted} incidents, {one.total(one.false_alarms, part)} false, {alerts}"


def _range(bounds: tuple[float, float] | None, digits: int) -> str:
    return "-" if bounds is None else f"{bounds[0]:.{digits}f} to {bounds[1]:.{digits}f}"
