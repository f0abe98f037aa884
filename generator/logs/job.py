"""What a run is to do: what options and settings together ask for, decided in one place."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from generator.logs.feed import LogFeed
from generator.logs.run import PORTION, Batching, Feed
from generator.logs.settings import LogSettings
from generator.logs.smoke import SmokeFeed
from generator.logs.stream import Stream
from generator.logs.web import WebFeed
from generator.logs.week import UNIT, week
from traffic.config import load
from traffic.errors import UsageFailure
from traffic.times import instant

SUFFIXES = {"json": ".json", "ecs": ".json", "text": ".log", "combined": ".log"}
_DAYS = "now-7d"


@dataclass(frozen=True)
class LogOptions:
    """What the command line says; None where it says nothing."""

    config: Path | None = None
    total: int | None = None
    batch_size: int | None = None
    interval: float | None = None
    destination: str | None = None
    to: tuple[str, ...] = ()
    form: Literal["json", "text", "ecs", "combined"] | None = None
    output_path: str | None = None
    anomaly_rate: float | None = None
    no_labels: bool = False
    start: str | None = None
    end: str | None = None
    rate: float | None = None
    durations: Literal["lines", "time"] | None = None
    seed: int | None = None
    smoke: bool = False
    web: bool = False


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


def job(asked: LogOptions, now: int) -> LogJob:
    """What to do at `now` (epoch seconds).

    Raises:
        UsageFailure: the settings or the options cannot be meant, or contradict one another.
    """
    settings = _settings(asked)
    series = asked.smoke or asked.web
    feed, pace, expected = _series(asked, settings, now) if series else _lines(asked, settings, now)
    form = "json" if series else settings.output.format
    stem = Path(settings.output.file.path)
    if series and asked.output_path is None:
        stem = stem.with_name("smoke_event" if asked.smoke else "web")
    # A target that is named is meant instead of the file, unless that is asked for as well.
    target = asked.destination or (None if asked.to else settings.output.destination)
    names = [
        *(["-"] if target in ("stdout", "both") else []),
        *([f"file:{stem}"] if target in ("file", "both") else []),
        *asked.to,
    ]
    if len(set(names)) < len(names):
        raise UsageFailure("the same place is named twice with --to; name it once")
    # Who fills a window wants all of it.
    whole = series or asked.start is not None or asked.end is not None
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


def _settings(asked: LogOptions) -> LogSettings:
    """The settings of the file, with what the options say on top of them."""
    own = Path(__file__).resolve().parents[2] / "input" / "logs.yaml"
    # Where the project's own file was removed, what it says is built in.
    file = asked.config or (own if own.exists() else None)
    settings = LogSettings() if file is None else load(file, LogSettings)
    anomalies, output = settings.anomalies, settings.output
    if asked.anomaly_rate is not None:
        anomalies = replace(anomalies, probability=asked.anomaly_rate)
    if asked.durations is not None:
        anomalies = replace(anomalies, durations=asked.durations)
    if asked.form is not None:
        output = replace(output, format=asked.form)
    if asked.output_path is not None:
        output = replace(output, file=replace(output.file, path=asked.output_path))
    if asked.no_labels:
        output = replace(output, include_labels=False)
    seed = settings.seed if asked.seed is None else asked.seed
    return replace(settings, anomalies=anomalies, output=output, seed=seed)


def _series(asked: LogOptions, settings: LogSettings, now: int) -> tuple[Feed, Batching, int]:
    """One of the two series that are made instead of log lines."""
    if asked.smoke and asked.web:
        raise UsageFailure("--smoke and --web are two series: choose one")
    wrong = {
        "--interval": asked.interval is not None,
        "--format": asked.form is not None,
        "--rate": asked.rate is not None,
        "--anomaly-rate": asked.anomaly_rate is not None,
        "--durations": asked.durations is not None,
        "--total": asked.smoke and asked.total is not None,
    }
    name = "--smoke" if asked.smoke else "--web"
    if any(wrong.values()):
        raise UsageFailure(
            f"{name} has lines of its own: leave out {next(one for one, is_wrong in wrong.items() if is_wrong)}"
        )
    start, end = _window(asked.start or _DAYS, asked.end or "now", now)
    feed: SmokeFeed | WebFeed = (
        SmokeFeed(settings.seed, start, end) if asked.smoke else WebFeed(settings.seed, start, end, asked.total)
    )
    return feed, Batching(None), feed.total


def _window(start: str, end: str, now: int) -> tuple[int, int]:
    begin, until = instant(start, now), instant(end, now)
    if until <= begin:
        raise UsageFailure(f"the window is empty: --start ({start}) has to be before --end ({end})")
    return begin, until


def _lines(asked: LogOptions, settings: LogSettings, now: int) -> tuple[Feed, Batching, int]:
    """Log lines: a window that is filled, lines that are counted, or batches in real time."""
    pace = settings.generator
    total = pace.total_logs if asked.total is None else asked.total
    batch = asked.batch_size or pace.batch_size
    output = settings.output
    if asked.start is not None or asked.end is not None:
        feed, portions, expected = _filled(asked, settings, now)
        return LogFeed(feed, output.format, output.include_labels), portions, expected
    interval = pace.interval if asked.interval is None else asked.interval
    in_real_time = interval > 0 and (not total or asked.interval is not None)
    settings = _measured(settings, "lines")
    if not in_real_time:
        stream = Stream(
            settings, start=instant(settings.timestamps.start, now) * UNIT, total=total, per_second=asked.rate
        )
        return LogFeed(stream, output.format, output.include_labels), Batching(total or None, PORTION), total
    if asked.rate is not None:
        raise UsageFailure("in real time, --batch-size and --interval say how many lines there are: leave out --rate")
    begin = time.time_ns() // 1000 - round(interval * UNIT)
    stream = Stream(settings, start=begin, total=total, per_second=batch / interval)
    return LogFeed(stream, output.format, output.include_labels), Batching(total or None, batch, interval), total


def _filled(asked: LogOptions, settings: LogSettings, now: int) -> tuple[Stream, Batching, int]:
    """A stream for a window. It ends at its end, or after so many lines."""
    if asked.interval:
        raise UsageFailure("a window (--start, --end) is filled as fast as possible: leave out --interval")
    if asked.start is None and settings.timestamps.start == "now":
        raise UsageFailure("a window needs a beginning: add --start, as --start now-7d")
    start, end = _window(asked.start or settings.timestamps.start, asked.end or "now", now)
    settings = _measured(settings, "time")
    if asked.total and asked.end is None:
        stream = Stream(settings, start=start * UNIT, total=asked.total, per_second=asked.rate)
        return stream, Batching(asked.total), asked.total
    stream = Stream(settings, start=start * UNIT, until=end * UNIT, per_second=asked.rate)
    reached = week(settings, start * UNIT, asked.rate)
    expected = (reached.count(end * UNIT) - reached.count(start * UNIT)) // UNIT
    total = asked.total or None
    return stream, Batching(total), max(min(expected, total or expected), 1)


def _measured(settings: LogSettings, unless_said: Literal["lines", "time"]) -> LogSettings:
    anomalies = settings.anomalies
    return replace(settings, anomalies=replace(anomalies, durations=anomalies.durations or unless_said))
