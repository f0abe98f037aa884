"""`mark`: say of an event that it is right or wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from analyzer.cli.last_run import event_of
from traffic import options as shared
from traffic.errors import UsageFailure

if TYPE_CHECKING:
    from analyzer.marks import Opinion


@click.command(short_help="Mark an event as right or wrong.", context_settings=shared.SETTINGS)
@click.argument("event", required=False)
@click.argument("opinion", type=click.Choice(["right", "wrong", "none"]), required=False)
@click.option("--note", default="", help="A note to keep with the mark.")
@shared.output
@shared.as_json
@shared.quiet
def mark(event: str | None, opinion: str | None, note: str, output: Path, as_json: bool, quiet: bool) -> None:
    """Mark an event of the last run as right or wrong, or list the marks.

    Marks count as labels in later runs on this store: an event marked right has to be found again, one marked wrong
    must not fire again. If there are no other labels, unmarked events count neither way. `none` removes a mark.

    \b
    Examples:
      ./sl.py mark 1f0c6a2b9d3e right
      ./sl.py mark 1f0c wrong --note "nightly backup"
      ./sl.py mark
    """
    from analyzer.marks import MARKS, mark_of, marks, write_mark
    from analyzer.report.saved import load
    from traffic.disk import lock
    from traffic.text import visible
    from traffic.times import iso

    if event is None:
        found = marks(output)
        if as_json:
            rows = [{**vars(one), "start": iso(one.start), "end": iso(one.end)} for one in found]
            click.echo(json.dumps(rows, indent=1))
            return
        for one in found:
            note_ = f"  {visible(one.note)}" if one.note else ""
            click.echo(f"{one.event_id}  {one.opinion:<5}  {iso(one.start)}  {visible(one.key)}{note_}")
        if not found:
            click.echo(f"no marks in {output / MARKS}")
        return
    if opinion is None:
        raise UsageFailure(f"missing opinion on {event}: ./sl.py mark {event} right, wrong or none")
    with lock(output):
        gone = [one for one in marks(output) if one.event_id.startswith(event)]
        if opinion == "none":
            if len(gone) != 1:
                raise UsageFailure(f"{len(gone)} marks begin with {event!r}: ./sl.py mark lists them")
            write_mark(output, gone[0].event_id, None)
            meant = gone[0].event_id
        else:
            findings = load(output)
            known = event_of(findings, event, output)
            said: Opinion = "right" if opinion == "right" else "wrong"
            meant = known.id
            write_mark(output, meant, mark_of(known, findings.store, findings.metric.name, said, note))
    if not quiet:
        counts = "mark removed" if opinion == "none" else f"marked {opinion}; discover counts it as a label"
        click.echo(f"{meant}: {counts}")
