"""What was not judged, and what is above the threshold but no event, on the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from textwrap import wrap

from analyzer.model import Findings, NotJudged
from analyzer.report.lines import percent_of, shorten, table
from analyzer.report.machine import suppressed
from analyzer.report.table import NOT_JUDGED, SUPPRESSED
from analyzer.report.words import plural
from traffic.model import DAY, HOUR, WEEK
from traffic.text import length, visible

_REASONS = 8


def not_judged(findings: Findings, width: int) -> Iterator[str]:
    """How much could not be judged, and why."""
    total = findings.seconds_there
    if not findings.not_judged or not total:
        all_of_it = "Everything" if findings.coverage.whole else "All that was read"
        yield f"{all_of_it} was judged." if total else "There was nothing to judge."
        return
    seconds: dict[str, int] = {}
    for gap in findings.not_judged:
        seconds[gap.key] = seconds.get(gap.key, 0) + gap.end - gap.start
    whole = sum(gone >= findings.window.seconds for gone in seconds.values())
    part = percent_of(sum(seconds.values()), total)
    keys = f"{len(seconds):,} of {plural(len(findings.keys), 'series', 'series')}" + (
        f", {whole:,} of them completely" if whole else ""
    )
    yield from wrap(f"Not judged: {part} of the series-hours; {keys} ({NOT_JUDGED.file})", width)
    needed = findings.policy.min_weeks + 1
    unit, seconds_of_one = ("weeks", WEEK) if findings.policy.slots == "week" else ("days", DAY)
    if findings.window.seconds < needed * seconds_of_one:
        yield from wrap(
            f"Comparing an hour with the same hour of {needed - 1} others takes {needed} {unit} of data; there are "
            f"{length(findings.window.seconds)}.",
            width,
        )
    rows = []
    reasons = sorted(_by_reason(findings.not_judged).items(), key=lambda item: (-_seconds(item[1]), item[0]))
    for reason, gaps in reasons[:_REASONS]:
        hours = _seconds(gaps) / HOUR
        keys = plural(len({gap.key for gap in gaps}), "series", "series")
        rows.append((reason, keys, f"{hours:,.0f} series-hours", percent_of(_seconds(gaps), total)))
    yield from ("  " + line for line in table(rows, ">>>", width - 2))
    if len(reasons) > _REASONS:
        yield f"  ... and {plural(len(reasons) - _REASONS, 'more reason')} in {NOT_JUDGED.file}"
    # Wrapped by characters, of which some are two columns wide.
    lines = wrap(_most(seconds), width, initial_indent="  ", subsequent_indent="    ")
    yield from (shorten(line, width) for line in lines)


def _most(seconds: Mapping[str, int]) -> str:
    """The keys that were judged least."""
    most = sorted(seconds, key=lambda key: (-seconds[key], key))
    if len(most) > 1 and seconds[most[0]] == seconds[most[-1]]:
        return f"each of these series: {seconds[most[0]] / HOUR:,.0f} h"
    return "most: " + ", ".join(f"{shorten(visible(key), 24)} {seconds[key] / HOUR:,.0f} h" for key in most[:3])


def not_raised(findings: Findings, width: int) -> Iterator[str]:
    """What is above the stated threshold but no event, by the rule that is the reason."""
    if not findings.suppressed:
        return
    hours, keys = sum(some.hours for some in findings.suppressed), {some.key for some in findings.suppressed}
    what = f"{plural(hours, 'series-hour')} of {plural(len(keys), 'series', 'series')}"
    passed = "the stated threshold" if findings.policy.over_units else f"{findings.policy.multiple:g}x"
    yield from wrap(f"Above {passed}, but no event: {what} ({SUPPRESSED.file})", width)
    for reason, count in sorted(suppressed(findings).items(), key=lambda item: (-item[1], item[0])):
        yield from wrap(
            f"{reason}: {plural(count, 'series-hour')}", width, initial_indent="  ", subsequent_indent="    "
        )


def _by_reason(gaps: Iterable[NotJudged]) -> dict[str, list[NotJudged]]:
    found: dict[str, list[NotJudged]] = {}
    for gap in gaps:
        found.setdefault(gap.reason, []).append(gap)
    return found


def _seconds(gaps: Iterable[NotJudged]) -> int:
    return sum(gap.end - gap.start for gap in gaps)
