"""`score`: the verdict for any detector's events."""

from __future__ import annotations

import json
from pathlib import Path

import click

from traffic import options as shared


@click.command(short_help="Score any detector's events against labels.", context_settings=shared.SETTINGS)
@click.option(
    "--events",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="The detector's events: CSV with key, start, end.",
)
@click.option(
    "--truth",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="The labels: CSV with key, start, end; your own, or written by `generate`.",
)
@click.option("--start", help="Start of the time to score.  [default: the first label or event]")
@click.option("--end", help="End of the time to score.  [default: the last label or event]")
@click.option("--resolution", default="1m", show_default=True, help="Width of the detector's buckets.")
@shared.output
@shared.as_json
def score(
    events: Path, truth: Path, start: str | None, end: str | None, resolution: str, output: Path, as_json: bool
) -> None:
    """Score the events of any detector against labels, by the same rules as discover scores its own.

    \b
    Examples:
      ./sl.py score --events mine.csv --truth output/ground_truth.csv
      ./sl.py score --events output/events.csv --truth incidents.csv --json
    """
    import time

    from analyzer.others import scored
    from analyzer.report.machine import scores
    from analyzer.report.table import COMPARISON
    from traffic.disk import lock, write_atomic
    from traffic.times import instant
    from traffic.times import resolution as seconds

    now = int(time.time())
    verdict = scored(
        events,
        truth,
        seconds(resolution),
        None if start is None else instant(start, now),
        None if end is None else instant(end, now),
    )
    with lock(output):
        file = output / "scored.csv"
        write_atomic(file, COMPARISON.encode(verdict.outcomes))
    told = scores(verdict)
    if as_json:
        click.echo(json.dumps(told, indent=1))
        return
    for name in ("hits", "misses", "false_alarms", "decoys_fired", "neutral_events", "precision", "recall", "f1"):
        value = told[name]
        shown = "-" if value is None else f"{value:.3f}" if isinstance(value, float) else f"{value:,}"
        click.echo(f"{name.replace('_', ' '):<16} {shown:>8}")
    click.echo(f"verdict on each label: {file}")
