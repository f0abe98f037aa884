"""What a run was, in words: the same on the terminal and in the pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from itertools import groupby
from math import isclose, isfinite, isnan
from zoneinfo import ZoneInfo

from analyzer.contributors import NEAR, OTHERS, UNEXPLAINED, above_usual, companions, leading, named
from analyzer.model import Contributor, Event, Findings, Policy
from analyzer.outcome import LabelVerdict
from traffic.model import HOUR, Label, Metric, Split, Window
from traffic.text import length, si, visible

LEAST_TOLD = 0.0005
"""Share of what is left that is worth a line."""
FALLS = "Falls, such as outages, were not looked for"
"""What a summary says where it is so: nobody should take a silence for more than it is."""

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

LABEL_WORDS: dict[LabelVerdict, str] = {
    "hit": "hit",
    "miss": "missed",
    "neutral": "neutral",
    "not judged": "not judged",
    "quiet": "decoy, quiet",
    "fired": "decoy, fired",
}


def day(time: int, *, weekday: bool = False, year: bool = False) -> str:
    """`12 Oct`, with the weekday `Mon 12 Oct`, with the year `12 Oct 2026`. UTC; English whatever the locale."""
    return _date(time // 86400, weekday, year)


@lru_cache(maxsize=4096)
def _date(days: int, weekday: bool, year: bool) -> str:
    at = datetime.fromtimestamp(days * 86400, UTC)
    parts = (_DAYS[at.weekday()] if weekday else "", str(at.day), _MONTHS[at.month - 1], str(at.year) if year else "")
    return " ".join(part for part in parts if part)


def clock(time: int) -> str:
    """`14:05`, or `14:05:30` where the minute does not say it. UTC."""
    minutes, second = divmod(time % 86400, 60)
    shown = f"{minutes // 60:02}:{minutes % 60:02}"
    return f"{shown}:{second:02}" if second else shown


def local(time: int, timezone: str) -> str:
    """`Tue 17 Nov 15:05` on the clock of a zone."""
    offset = datetime.fromtimestamp(time, ZoneInfo(timezone)).utcoffset()
    shown = time + (0 if offset is None else round(offset.total_seconds()))
    return f"{day(shown, weekday=True)} {clock(shown)}"


def stretch(window: Window) -> str:
    """`12 Oct – 23 Nov 2026`; with the times of day unless it begins and ends with a day, both years if they differ."""
    whole = window.start % 86400 == 0 and window.end % 86400 == 0
    # A window is half-open: what ends at midnight of the 24th lasted to the 23rd.
    last = max(window.start, window.end - 1) if whole else window.end
    first_year, last_year = (datetime.fromtimestamp(time, UTC).year for time in (window.start, last))
    start, end = day(window.start, year=first_year != last_year), day(last, year=True)
    if not whole:
        return f"{start} {clock(window.start)} – {end} {clock(last)}"
    return f"{start} – {end}" if window.start // 86400 != last // 86400 else end


def when(window: Window) -> str:
    """An event's time: `Tue 17 Nov 2026 14:05–16:10`, with the second day if it ends on another."""
    start = f"{day(window.start, weekday=True, year=True)} {clock(window.start)}"
    if window.start // 86400 == window.end // 86400:
        return f"{start}–{clock(window.end)}"
    return f"{start} – {day(window.end, weekday=True)} {clock(window.end)}"


def usual(policy: Policy, of: str = "") -> str:
    """What a baseline is: `median p95 of other weeks`; of falls it is learned `of` another percentile."""
    of = of or f"p{policy.rollup_percentile:g}"
    if policy.rollup_width > HOUR:
        of = f"{of} of {policy.rollup_width // HOUR} h"
    unit = {"week": "weeks", "workdays": "days of its kind", "day": "days"}[policy.slots]
    if policy.baseline == "original":
        return f"p95 of the {of} of all {unit}, including its own"
    weeks = f"other {unit}"
    if policy.baseline == "trailing":
        weeks = (
            f"the {policy.lookback} weeks before"
            if policy.slots == "week"
            else f"the {unit} of the {policy.lookback} weeks before"
        )
    return f"{'median' if policy.percentile == 50 else f'p{policy.percentile:g} of the'} {of} of {weeks}"


def rule(findings: Findings, brief: bool = False) -> str:
    """The policy: `2 buckets of 1 min within 10 min above 3 × that hour's median p95 of other weeks, ...`.

    `brief` leaves out what only matters to who asks further: floor and tail.
    """
    policy, resolution = findings.policy, findings.resolution
    needed = policy.needed(resolution)
    buckets = f"{needed} buckets of {length(resolution)}" if needed > 1 else f"1 bucket of {length(resolution)}"
    within = f" within {length(policy.within)}" if needed > 1 else ""
    floor = f", and above {si(policy.floor, findings.metric.unit, pad=False)}" if policy.floor > 0 else ""
    more = "; more for series that often exceed it"
    more = more if "tail" in policy.rules and policy.baseline != "original" else ""
    above = f"{buckets}{within} above {_stated(policy, findings.metric)}the {usual(policy)} for that hour"
    above += "" if brief else floor + more
    below = f"{buckets}{within} more than {policy.under_percent:g} % below its usual low"
    return {"above": above, "below": below, "both": f"{above}; or {below}"}[policy.direction]


def _stated(policy: Policy, metric: Metric) -> str:
    """`3 × `, `50 Mb/s over `, or both, before what the baseline is called."""
    units = f"{si(policy.over_units, metric.unit, pad=False)} over " if policy.over_units else ""
    if units and policy.multiple > 1:
        return f"{policy.multiple:g} × and {units}"
    return units or f"{policy.multiple:g} × "


def special(policy: Policy) -> str:
    """Whose hours and what calendar: `Hours of the week: Europe/Berlin; calendar: 3 rows`; "" where it is only UTC."""
    zones = dict.fromkeys(
        [policy.timezone, *(dict(said).get("timezone", policy.timezone) for _, said in policy.of_keys)]
    )
    rows = f"calendar: {plural(len(policy.calendar), 'row')}" if policy.calendar else ""
    return (
        ""
        if list(zones) == ["UTC"] and not rows
        else "; ".join(part for part in (f"Hours of the week: {', '.join(zones)}", rows) if part)
    )


def volume(event: Event, metric: Metric) -> str:
    """What is above the baseline in all, or missing below it: `1.84 TB`; "" of what does not add up, as a share."""
    return amount(abs(event.excess), metric)


def amount(total: float, metric: Metric) -> str:
    """What an excess comes to, of `Event` or `Contributor`; "" of what does not add up.

    What flows in a second adds up to what has flowed: bits are told as bytes.
    """
    unit = {"bps": "bit/s", "b/s": "bit/s", "pps": "packets/s"}.get(metric.unit, metric.unit)
    flows = unit.endswith("/s")
    if not (flows or metric.adds_up):
        return ""
    if not flows:
        return si(total, unit)
    of = unit.removesuffix("/s")
    return si(total / 8, "B") if of == "bit" else si(total, of)


def peak_words(event: Event, metric: Metric) -> str:
    """How far it went: `peak 2.46 Gb/s, 12.3× baseline`; of a fall `low 15.9 Mb/s, 98.5 % below usual`."""
    top = si(event.peak, metric.unit)
    if event.direction == "below":
        far = "" if event.ratio is None else f", {100 * (1 - event.ratio):.3g} % below usual"
        return f"low {top}{far}"
    return f"peak {top}" + ("" if event.ratio is None else f", {times(event.ratio)} baseline")


def limit_words(event: Event, policy: Policy, metric: Metric) -> str:
    """Which limit it passed: the stated one, the floor, or what the rules make of it for this key."""
    if event.direction == "below":
        return f"{policy.under_percent:g} % below usual"
    stated = policy.multiple * event.baseline
    if isclose(event.threshold, policy.floor, rel_tol=1e-6) and policy.floor > stated:
        return f"floor of {si(policy.floor, metric.unit, pad=False)}"
    if policy.over_units and isclose(event.threshold, event.baseline + policy.over_units, rel_tol=1e-6):
        return f"{si(policy.over_units, metric.unit, pad=False)} over the baseline"
    if isclose(event.threshold, stated, rel_tol=1e-6) or not event.baseline:
        return f"{policy.multiple:g} × baseline"
    why = "higher" if event.threshold > stated else "lower"
    return f"{event.threshold / event.baseline:.3g} × baseline at the peak, {why} for this key"


def by_event(rows: Iterable[Contributor]) -> dict[str, list[Contributor]]:
    """Event -> its contributors."""
    found: dict[str, list[Contributor]] = {}
    for row in rows:
        found.setdefault(row.event_id, []).append(row)
    return found


def came_by(mine: Sequence[Contributor]) -> str:
    """By what an event came: `dst_port=53 97 %`, `src_as=7,9 95 %`; "" where nothing is known.

    `the usual mix` where no value has more of it than it always has.
    """
    found = leading(mine)
    if found is None:
        return ""
    others = companions(mine, found)
    if not others and above_usual(found) < NEAR:
        return "the usual mix"
    values, share = [row.value for row in others], sum((row.share for row in others), found.share)
    return visible(f"{','.join([named(found), *values])} {share:.0%}".replace("%", " %"))


SPLIT_WORDS: dict[Split, str] = {
    "excess": "shares of the excess (or of what is missing)",
    "mean": "shares of the change of the mean",
    "rows": "shares of the rows beyond the limit (a percentile cannot be split)",
}
"""What a share is one of."""


def percent(share: float) -> str:
    """A share as `73.5 %`; "" where there is none."""
    # What is next to nothing has no sign.
    return "" if isnan(share) else f"{100 * round(share, 3) + 0.0:.1f} %"


def part_amount(figure: float, row: Contributor, metric: Metric) -> str:
    """An amount of a contributor, in the unit of what was split."""
    if row.split == "rows":
        return f"{figure:,.4g} rows"
    return amount(figure, metric) if row.split == "excess" else si(figure, metric.unit)


def short_list(rows: Sequence[Contributor], most: int) -> list[Contributor]:
    """Of each dimension the first values, and what is left, to which the others are added: shares still add up."""
    found: list[Contributor] = []
    for _, group in groupby(rows, key=lambda row: row.dimension):
        mine = list(group)
        named_ones = [row for row in mine if row.value not in (OTHERS, UNEXPLAINED)]
        over = named_ones[most:]
        found += named_ones[:most]
        left = [_with_more(row, over) if row.value == OTHERS else row for row in mine[len(named_ones) :]]
        found += [row for row in left if isnan(row.share) or abs(row.share) >= LEAST_TOLD]
    return found


def _with_more(others: Contributor, more: Sequence[Contributor]) -> Contributor:
    if not more:
        return others
    share = sum((one.share for one in more), others.share)
    return replace(others, share=share, actual=None, usual=None, rate=None, mix=None)


def known(label: Label) -> str:
    """Whether a label was put into traffic that was made, or is of a user's own list."""
    return "injected" if isfinite(label.factor) else "known incident"


def made(label: Label) -> str:
    """What was done, as far as a truth says it: `slow burn ×4.2`; a user's own list of incidents may say nothing."""
    shape = label.shape.replace("_", " ")
    # What an outage is multiplied with tells nothing, and times one nobody.
    told = label.factor > 0 and label.factor != 1 and label.kind != "ignore"
    factor = f"×{label.factor:.3g}" if told else ""
    return f"{shape} {factor}".strip()


def times(ratio: float | None) -> str:
    """A ratio in three digits: `12.3×`; `-` where the baseline is 0."""
    if ratio is None:
        return "-"
    return f"{si(ratio)}×".replace(" ", "")


def plural(count: int, one: str, many: str = "") -> str:
    """`1 event`, `12 events`, `5,000 events`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
