"""`compare`: two runs of a folder, event by event."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from analyzer.cli.last_run import numbered_run
from traffic import console, store_options
from traffic import help as help_pages
from traffic import options as shared


@dataclass(frozen=True, kw_only=True)
class CompareOptions(store_options.EntryOptions):
    """What the command line says."""

    one: int
    other: int
    output: Path
    as_json: bool
    quiet: bool


@click.command(cls=help_pages.Command, short_help="Compare the events of two runs.", context_settings=shared.SETTINGS)
@click.argument("one", metavar="RUN", type=click.IntRange(1))
@click.argument("other", metavar="RUN", type=click.IntRange(1))
@store_options.entry
@shared.output
@shared.as_json
@shared.quiet
def compare(**given: Any) -> None:
    """Compare the events of two runs in a folder: which are new, gone or moved, and which setting caused it.

    `./sl.py runs` lists the runs by number. Both policies are evaluated again on the cached answers; each setting
    in which they differ is also tried alone.

    \b
    Example:
      ./sl.py compare 3 7
    """
    from analyzer.again import cached
    from analyzer.tuning.differences import differences, document, text
    from traffic.disk import lock

    options = CompareOptions(**given)
    one, store = numbered_run(options.output, options.one, options)
    other, _ = numbered_run(options.output, options.other, options)
    with (
        lock(options.output),
        cached(store, one.scope, options.output) as (source, asked),
        console.bar("compare", options.quiet) as progress,
    ):
        found = differences(source, one, other, progress)
    if not options.quiet and asked.sent:
        console.note(f"{asked.sent} requests for data that was not in the cache")
    click.echo(json.dumps(document(found), indent=1) if options.as_json else text(found), nl=options.as_json)
