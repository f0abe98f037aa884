"""`report`, and the reports that `discover` ends with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from traffic import options as shared
from traffic.errors import UsageFailure

if TYPE_CHECKING:
    from analyzer.model import Findings

RUN = "run.json"

charts = click.option(
    "--charts", type=click.IntRange(0), default=12, show_default=True, help="Pictures of single events, worst first."
)


@click.command(context_settings=shared.SETTINGS)
@shared.output
@charts
@shared.as_json
@shared.quiet
def report(**options: Any) -> None:
    """Draw everything of the last run again, without a query.

    \b
    Example:
      ./sl.py report --charts 40
    """
    from analyzer.report.saved import load
    from traffic.disk import lock

    output: Path = options["output"]
    if not (output / RUN).exists():
        raise UsageFailure(f"{output} holds no run: run ./sl.py discover --output {output} first")
    with lock(output):
        write_reports(load(output), output, options)


def write_reports(findings: Findings, output: Path, options: dict[str, Any]) -> None:
    """Tables and pictures into the folder, the summary or the JSON document to stdout."""
    from analyzer.report.chart import draw
    from analyzer.report.machine import as_json
    from analyzer.report.table import write_tables
    from analyzer.report.terminal import summary

    write_tables(findings, output)
    with shared.bar("pictures", options["quiet"]) as progress:
        draw(findings, output, options["charts"], progress)
    if options["as_json"]:
        click.echo(json.dumps(as_json(findings), indent=1))
    elif not options["quiet"]:
        click.echo(summary(findings, width=shared.width(), colour=shared.colour()))
