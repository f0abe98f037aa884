"""`discover --dry-run`: the requests that a run would send, and how long they would take."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from traffic import console

if TYPE_CHECKING:
    from analyzer.pipeline import Search
    from traffic.store.base import Source

_MANY_KEYS = 10_000
"""Keys from which on a dry run says how to look at fewer."""


def say_plan(source: Source, job: Search, as_json: bool) -> None:
    """Print the plan of a run, as text or as JSON; one small request may be sent to estimate the time."""
    from analyzer.reading.plan import plan
    from traffic.disk import lock
    from traffic.text import length
    from traffic.times import iso

    with lock(job.output):
        found = plan(source, job.scope, job.output, job.policy.rollup_percentile, job.by)
    for remark in source.remarks():
        console.note(remark)
    if as_json:
        click.echo(json.dumps(asdict(found), indent=1))
        return
    what = "hourly roll-ups" if found.pushed else f"buckets of {job.scope.resolution} s"
    click.echo(f"series     {found.keys:,}, from {iso(found.window.start)} to {iso(found.window.end)}")
    click.echo(f"requests   {found.requests:,} for {found.buckets:,} {what} of {found.points:,} points")
    if found.most_requests:
        click.echo(
            f"           plus the days that may contain an event: usually few, {found.most_requests:,} at the most"
        )
    if found.event_requests:
        hundred = f"{found.hundred_events_requests:,} for 100 events"
        click.echo(f"           plus the contributors of events: at most {found.event_requests:,} for one, {hundred}")
    if found.keys > _MANY_KEYS and job.scope.top is None:
        click.echo("           --top 1000 reads the 1,000 largest series and reports what it leaves out")
    if found.limited:
        click.echo(f"time       about {length(found.seconds)} for the {what}, within the service's rate limits")
    else:
        click.echo(f"time       about {found.seconds:,.1f} s for the {what}, estimated from one small request")
