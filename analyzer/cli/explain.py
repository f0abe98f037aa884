"""`explain`: why something is an event, or none."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from analyzer.cli.last_run import event_of, last_run
from traffic import console, store_options
from traffic import help as help_pages
from traffic import options as shared
from traffic.cycles import collected_less

if TYPE_CHECKING:
    from analyzer.model import Findings


@dataclass(frozen=True, kw_only=True)
class ExplainOptions(store_options.EntryOptions):
    """What the command line says."""

    what: str
    when: str | None
    output: Path
    as_json: bool
    quiet: bool


@click.command(
    cls=help_pages.Command,
    short_help="Explain why something is an event, or is not, with all numbers.",
    context_settings=shared.SETTINGS,
)
@click.argument("what", metavar="EVENT|KEY")
@click.argument("when", metavar="[TIME]", required=False)
@store_options.entry
@shared.output
@shared.as_json
@shared.quiet
@collected_less()
def explain(**given: Any) -> None:
    """Explain why something is an event, or is not, with all the numbers needed to check it by hand.

    For an event of the last run (its id or the start of it), or for any series and time, it shows the weeks that the
    hour was compared with, what each rule changed, the limits, the buckets, how severity is computed, the contributors
    (if known), and what would have to be different. It uses the same code as the run and the answers that the run
    cached.

    \b
    Examples:
      ./sl.py explain 1f0c6a2b9d3e
      ./sl.py explain customer-0013 2026-11-05T03:10Z
      ./sl.py explain customer-0013 2026-11-05T03:10Z --json
    """
    from analyzer.again import cached, place_of
    from analyzer.explaining.explain import explain as explained
    from analyzer.pipeline import survey
    from analyzer.report.explained import document, text
    from traffic.disk import lock
    from traffic.times import instant

    options = ExplainOptions(**given)
    run = last_run(options.output, options)
    key, moment, event_id = _meant(
        options, run.findings, instant(options.when, int(time.time())) if options.when else 0
    )
    with lock(options.output), cached(run.source, run.scope, options.output) as (source, asked):
        surveyed = survey(source, run.scope)
        found = explained(place_of(run.findings, run.scope, source, surveyed, key), key, moment, event_id)
    if found.event is not None:
        own = found.event.id
        made_of = tuple(row for row in run.findings.contributors if row.event_id == own)
        found = replace(found, contributors=made_of)
    if not options.quiet and asked.sent:
        console.note(f"{asked.sent} requests: the buckets of that time were not in the cache")
    if options.as_json:
        click.echo(json.dumps(document(found), indent=1))
    else:
        click.echo(text(found, console.width()), nl=False)


def _meant(options: ExplainOptions, findings: Findings, moment: int) -> tuple[str, int, str]:
    """The key, a time of the event, and its id where one was named."""
    if options.when is not None:
        return options.what, moment, ""
    event = event_of(findings, options.what, options.output)
    return event.key, event.start, event.id
