"""What a run is to do: what options and settings together ask for, decided in one place."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from generator.logs.feed import LogFeed
from generator.logs.options import LogOptions
from generator.logs.run import PORTION, Batching, Feed
from generator.logs.settings import LogSettings, read_settings
from generator.logs.smoke import SmokeFeed
from generator.logs.stream import Stream
from generator.logs.web import WebFeed
from generator.logs.week import UNIT, week
from traffic.errors import UsageFailure
from traffic.times import instant

SUFFIXES = {"json": ".json", "ecs": ".json", "text": ".log", "combined": ".log"}
_DAYS = "now-7d"


@dataclass(frozen=True)
class LogJob:
    """A run before it begins.

    `expected`: about how many lines there will be, 0 where nobody knows. `kept`: files that stay, 0 for all of them.
    """

    feed: Feed
    pace: Batching
    sinks: tuple[str, ...]
    folder: Path
    suffix: str
    settings: LogSettings
    expected: int
    kept: int

    @property
    def on_stdout(self) -> bool:
        """Whether standard output is taken by lines."""
        return "-" in self.sinks


def job(options: LogOptions, now: int) -> LogJob:
    """What to do at `now` (epoch seconds).

    Raises:
        UsageFailure: the settings or the options are not valid, or contradict one another.
    """
    settings = _settings(options)
    series = options.smoke or options.web
    feed, pace, expected = _series(options, settings, now) if series else _lines(options, settings, now)
    form = "json" if series else settings.output.format
    stem = Path(settings.output.file.path)
    if series and options.output_path is None:
        stem = stem.with_name("smoke_event" if options.smoke else "web")
    # A target that is named is meant instead of the file, unless that is options for as well.
    target = options.destination or (None if options.to else settings.output.destination)
    names = [
        *(["-"] if target in ("stdout", "both") else []),
        *([f"file:{stem}"] if target in ("file", "both") else []),
        *options.to,
    ]
    if len(set(names)) < len(names):
        raise UsageFailure("the same destination is given twice with --to; give it once")
    # Who fills a window wants all of it.
    whole = series or options.start is not None or options.end is not None
    kept = 0 if whole else settings.output.file.max_files
    return LogJob(
        feed=feed,
        pace=pace,
        sinks=tuple(names),
        folder=stem.parent,
        suffix=SUFFIXES[form],
        settings=settings,
        expected=expected,
        kept=kept,
    )


def _settings(options: LogOptions) -> LogSettings:
    """The settings of the file, with what the options say on top of them."""
    settings = read_settings(options.config)
    anomalies, output = settings.anomalies, settings.output
    if options.anomaly_rate is not None:
        anomalies = replace(anomalies, probability=options.anomaly_rate)
    if options.durations is not None:
        anomalies = replace(anomalies, durations=options.durations)
    if options.form is not None:
        output = replace(output, format=options.form)
    if options.output_path is not None:
        output = replace(output, file=replace(output.file, path=options.output_path))
    if options.no_labels:
        output = replace(output, include_labels=False)
    seed = settings.seed if options.seed is None else options.seed
    return replace(settings, anomalies=anomalies, output=output, seed=seed)


def _series(options: LogOptions, settings: LogSettings, now: int) -> tuple[Feed, Batching, int]:
    """One of the two series that are made instead of log lines."""
    if options.smoke and options.web:
        raise UsageFailure("--smoke and --web exclude each other: choose one")
    wrong = {
        "--interval": options.interval is not None,
        "--format": options.form is not None,
        "--rate": options.rate is not None,
        "--anomaly-rate": options.anomaly_rate is not None,
        "--durations": options.durations is not None,
        "--total": options.smoke and options.total is not None,
    }
    name = "--smoke" if options.smoke else "--web"
    if any(wrong.values()):
        raise UsageFailure(
            f"{name} has its own lines: leave out {next(one for one, is_wrong in wrong.items() if is_wrong)}"
        )
    start, end = _window(options.start or _DAYS, options.end or "now", now)
    feed: SmokeFeed | WebFeed = (
        SmokeFeed(settings.seed, start, end) if options.smoke else WebFeed(settings.seed, start, end, options.total)
    )
    return feed, Batching(None), feed.total


def _window(start: str, end: str, now: int) -> tuple[int, int]:
    begin, until = instant(start, now), instant(end, now)
    if until <= begin:
        raise UsageFailure(f"the window is empty: --start ({start}) must be before --end ({end})")
    return begin, until


def _lines(options: LogOptions, settings: LogSettings, now: int) -> tuple[Feed, Batching, int]:
    """Log lines: a window that is filled, lines that are counted, or batches in real time."""
    pace = settings.generator
    total = pace.total_logs if options.total is None else options.total
    batch = options.batch_size or pace.batch_size
    output = settings.output
    if options.start is not None or options.end is not None:
        feed, portions, expected = _filled(options, settings, now)
        return LogFeed(feed, output.format, output.include_labels), portions, expected
    interval = pace.interval if options.interval is None else options.interval
    in_real_time = interval > 0 and (not total or options.interval is not None)
    settings = _measured(settings, "lines")
    if not in_real_time:
        stream = Stream(
            settings, start=instant(settings.timestamps.start, now) * UNIT, total=total, per_second=options.rate
        )
        return LogFeed(stream, output.format, output.include_labels), Batching(total or None, PORTION), total
    if options.rate is not None:
        raise UsageFailure("in real time, --batch-size and --interval determine the number of lines: leave out --rate")
    begin = time.time_ns() // 1000 - round(interval * UNIT)
    stream = Stream(settings, start=begin, total=total, per_second=batch / interval)
    return LogFeed(stream, output.format, output.include_labels), Batching(total or None, batch, interval), total


def _filled(options: LogOptions, settings: LogSettings, now: int) -> tuple[Stream, Batching, int]:
    """A stream for a window. It ends at its end, or after so many lines."""
    if options.interval:
        raise UsageFailure("a window (--start, --end) is filled as fast as possible: leave out --interval")
    if options.start is None and settings.timestamps.start == "now":
        raise UsageFailure("a window needs a start: add --start, such as --start now-7d")
    start, end = _window(options.start or settings.timestamps.start, options.end or "now", now)
    settings = _measured(settings, "time")
    if options.total and options.end is None:
        stream = Stream(settings, start=start * UNIT, total=options.total, per_second=options.rate)
        return stream, Batching(options.total), options.total
    stream = Stream(settings, start=start * UNIT, until=end * UNIT, per_second=options.rate)
    reached = week(settings, start * UNIT, options.rate)
    expected = (reached.count(end * UNIT) - reached.count(start * UNIT)) // UNIT
    total = options.total or None
    return stream, Batching(total), max(min(expected, total or expected), 1)


def _measured(settings: LogSettings, unless_said: Literal["lines", "time"]) -> LogSettings:
    anomalies = settings.anomalies
    return replace(settings, anomalies=replace(anomalies, durations=anomalies.durations or unless_said))
