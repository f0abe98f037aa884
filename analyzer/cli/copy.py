"""`copy`: from one store into another."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

import click

from traffic import console, store_options
from traffic import help as help_pages
from traffic import options as shared
from traffic.errors import UsageFailure


@dataclass(frozen=True, kw_only=True)
class CopyOptions(store_options.ColumnOptions, store_options.EntryOptions):
    """What the command line says; None where it says nothing."""

    source: str
    target: str
    resolution: str | None
    field: str | None
    only: tuple[str, ...]
    exclude: tuple[str, ...]
    replace: bool
    as_json: bool
    quiet: bool


@click.command(
    cls=help_pages.Command, short_help="Copy the series of a store to another store.", context_settings=shared.SETTINGS
)
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@store_options.columns
@store_options.entry
@click.option("--resolution", help="Bucket width to store.  [default: the data's own step, or 1m]")
@click.option("--field", help="Field name of the amounts; network.bytes is shown in bit/s.  [default: as in FROM]")
@shared.only
@shared.exclude
@click.option("--replace", is_flag=True, help="First delete the contents of TO (only generated or copied data).")
@shared.as_json
@shared.quiet
def copy(**given: Any) -> None:
    """Copy the series of a store, or of your own file, to another store.

    The target holds whole amounts that add up (bytes, requests), so a file is copied with --statistic sum or
    count. Copying the same data again changes nothing. Labels are not copied: pass them with `discover --truth`.

    \b
    Examples:
      ./sl.py copy output/traffic backup
      ./sl.py copy flows.csv output/flows --statistic sum --field network.bytes
    """
    from analyzer.reading.scope import Scope, own_resolution, select
    from analyzer.transfer import copy, origin
    from traffic.store import open_sink, open_source
    from traffic.times import resolution

    options = CopyOptions(**given)
    source_entry, target_entry = store_options.entries_of(options.source, options.target, options)
    source = open_source(options.source, store_options.columns_of(options), source_entry)
    console.introduce(source, options.quiet)
    if not source.metric.adds_up:
        raise UsageFailure(
            f"the {source.metric.statistic} of {source.metric.field} does not add up, so it cannot be stored: add "
            "--statistic sum if the values are amounts, or use ./sl.py export"
        )
    scope = Scope(
        own_resolution(source) if options.resolution is None else resolution(options.resolution),
        int(time.time()),
        only=options.only,
        exclude=options.exclude,
    )
    what = select(source, scope)
    sink = open_sink(
        options.target,
        options.field or source.metric.field,
        what.resolution,
        scenario=origin(what),
        keys=len(what.spans),
        replace=options.replace,
        entry=target_entry,
    )
    with console.bar("copy", options.quiet) as progress:
        done = copy(what, sink, progress)
    for remark in source.remarks():
        console.note(remark)
    if done.rounded:
        console.note(f"{done.rounded:,} values were rounded to whole numbers")
    if options.as_json:
        document = {"keys": len(what.spans), "points": done.points, "new": done.new, "rounded": done.rounded}
        click.echo(json.dumps({**document, "store": sink.name, "identity": done.identity}, indent=1))
    elif not options.quiet:
        click.echo(f"{done.points:,} points of {len(what.spans):,} series in {sink.name}, {done.new:,} of them new")
