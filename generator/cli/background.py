"""`generate --background`: incidents that are known, in traffic of a user's own."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from traffic import console, store_options
from traffic.errors import UsageFailure

if TYPE_CHECKING:
    from generator.background import Put
    from generator.pipeline import GenerationResult
    from generator.scenario import Scenario

_OPTIONS = (
    click.option(
        "--background",
        metavar="STORE",
        help="Inject incidents into this traffic, your own file or store, and write the result to --store.",
    ),
    click.option(
        "--sizes", help="With --background: sizes of the incidents, in times of the usual.  [default: 1.2,1.5,2,3,5,10]"
    ),
    click.option("--lengths", help="With --background: lengths of the incidents.  [default: 5m,15m,1h]"),
    click.option("--per-week", type=float, help="With --background: incidents per week and series.  [default: 3]"),
)


def background_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of what is put into traffic of one's own."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True, kw_only=True)
class BackgroundOptions(store_options.ColumnOptions, store_options.EntryOptions):
    """What these options said, and how the traffic is read and written."""

    background: str | None
    sizes: str | None
    lengths: str | None
    per_week: float | None
    store: str
    output: Path
    start: str | None
    end: str | None
    replace: bool
    quiet: bool


def put_into_own(options: BackgroundOptions, scenario: Scenario) -> tuple[GenerationResult, str]:
    """Copy the traffic with incidents in it; and what the store is called.

    Raises:
        UsageFailure: an option is not valid.
    """
    from generator.background import Background, put_into
    from traffic.disk import lock
    from traffic.store import open_sink, open_source
    from traffic.times import instant

    name, now = options.background or "", int(time.time())
    if name == options.store:
        raise UsageFailure(f"--background and --store are both {name}: write to a different store")
    put = _put(options)
    start, end = (None if said is None else instant(said, now) for said in (options.start, options.end))
    source = open_source(name, store_options.columns_of(options), store_options.entry_of(name, options))
    background = Background(source, scenario, put, start, end)
    for note in source.notes():
        if not options.quiet:
            console.note(note)
    with lock(options.output):
        sink = open_sink(
            options.store,
            background.field,
            background.step,
            scenario=background.fingerprint,
            keys=len(background.spans),
            replace=options.replace,
            entry=store_options.entry_of(options.store, options),
            refused=options.output / "refused.ndjson",
        )
        with console.bar("generate", options.quiet, "points") as progress:
            return put_into(background, sink, options.output, progress), sink.name


def _put(options: BackgroundOptions) -> Put:
    from generator.background import Put
    from traffic.times import duration

    plain = Put()
    try:
        sizes = tuple(float(size) for size in options.sizes.split(",")) if options.sizes else plain.sizes
    except ValueError:
        raise UsageFailure(f"--sizes {options.sizes}: write numbers separated by commas, such as 1.5,2,3") from None
    lengths = tuple(map(duration, options.lengths.split(","))) if options.lengths else plain.lengths
    return Put(sizes, lengths, plain.per_week if options.per_week is None else options.per_week)
