"""What `discover` is asked to do: its options, and the search that they describe."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from analyzer.cli.every import WatchOptions
from analyzer.cli.report import ReportOptions
from traffic import console, store_options
from traffic.errors import UsageFailure

if TYPE_CHECKING:
    from analyzer.elsewhere.policy import Percentage
    from analyzer.model import Baseline, Looking, Slots
    from analyzer.pipeline import Search
    from traffic.store.base import Source


@dataclass(frozen=True, kw_only=True)
class DiscoverOptions(ReportOptions, WatchOptions, store_options.ColumnOptions, store_options.EntryOptions):
    """What the command line says; None where it says nothing."""

    store: str
    start: str | None
    end: str | None
    history: str
    resolution: str | None
    policy_file: Path | None
    over_percent: float | None
    over_units: float | None
    matches: int | None
    within: str | None
    floor: float | None
    merge: str | None
    percentile: float | None
    rollup_percentile: float | None
    rollup_width: str | None
    slots: Slots | None
    baseline: Baseline | None
    timezone: str | None
    calendar: Path | None
    direction: Looking | None
    classes: str | None
    min_weeks: int | None
    without: tuple[str, ...]
    by: str | None
    group: str | None
    only: tuple[str, ...]
    exclude: tuple[str, ...]
    top: int | None
    policy_of: tuple[str, ...]
    kentik_percentage: Percentage
    truth: Path | None
    original_files: bool | None
    write_events: str | None
    full_scan: bool
    concurrency: int
    dry_run: bool
    require_f1: float | None
    fail_on_events: bool
    fail_on_incidents: bool
    verbose: bool


def search_of(options: DiscoverOptions, source: Source, resolution: str) -> Search:
    """What the analyzer is asked to do: texts as values, and the policy as file and options together say it."""
    from analyzer.forks import forks_here
    from analyzer.judging.policy import classes_of, read_policy
    from analyzer.pipeline import Search
    from analyzer.reading.scope import Scope
    from traffic import times

    now = int(time.time())
    overrides = {
        "over_percent": options.over_percent,
        "over_units": options.over_units,
        "rollup_percentile": options.rollup_percentile,
        "rollup_width": options.rollup_width and times.duration(options.rollup_width),
        "slots": options.slots,
        "matches": options.matches,
        "floor": options.floor,
        "percentile": options.percentile,
        "min_weeks": options.min_weeks,
        "classes": options.classes and classes_of(options.classes.split(",")),
        "baseline": options.baseline,
        "direction": options.direction,
        "timezone": options.timezone,
        "within": options.within and times.duration(options.within),
        "merge": options.merge and times.duration(options.merge),
    }
    file = _policy_file(options.policy_file)
    return Search(
        output=options.output,
        policy=read_policy(file, source.metric, overrides, options.without, options.calendar),
        scope=Scope(
            console.fitted(source, times.resolution(resolution), options.quiet),
            now,
            start=None if options.start is None else times.instant(options.start, now),
            end=None if options.end is None else times.instant(options.end, now),
            history=times.duration(options.history),
            only=options.only,
            exclude=options.exclude,
            top=options.top,
            concurrency=options.concurrency,
        ),
        full_scan=options.full_scan,
        charts=options.charts,
        forks=forks_here(),
        group=_pattern(options.group),
        by=None if options.by is None else tuple(name for name in _words(options.by) if name != "none"),
    )


def _pattern(text: str | None) -> str | None:
    try:
        re.compile(text or "")
    except re.error as error:
        raise UsageFailure(f"--group {text!r} is not a valid regular expression ({error})") from None
    return text


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _policy_file(named: Path | None) -> Path | None:
    """The file that was named, else the project's own where it stands."""
    from traffic.shipped import shipped

    return named or shipped("policy.yaml")
