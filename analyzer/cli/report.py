"""`report`, and the reports that `discover` ends with."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

import click

from analyzer.cli.last_run import check_run, last_run
from analyzer.cli.original import no_database
from traffic import console, store_options
from traffic import options as shared
from traffic.text import visible

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analyzer.cli.last_run import LastRun
    from analyzer.model import Findings
    from analyzer.report.chart.picture import Picture
    from analyzer.report.page.sliders import Sliders
    from analyzer.report.painters import Painters

RUN = "run.json"

charts = click.option(
    "--charts",
    type=click.IntRange(0),
    default=12,
    show_default=True,
    help="How many events get a picture of their own, worst first; 0 draws no pictures at all.",
)

with_page = click.option("--html/--no-html", default=True, help="Write report.html.  [default: yes]")
picture_title = click.option("--title", default="", help="Title of the pictures and the page.")


@dataclass(frozen=True, kw_only=True)
class ReportOptions:
    """What is written and said at the end of a run."""

    output: Path
    charts: int
    title: str
    html: bool
    as_json: bool
    quiet: bool


@click.command(context_settings=shared.SETTINGS)
@shared.output
@charts
@picture_title
@with_page
@shared.as_json
@shared.quiet
@no_database
@click.option(
    "--explain",
    type=click.IntRange(0, 1000),
    default=0,
    show_default=True,
    help="Show each step, as `explain` does, for this many of the worst events.",
)
@click.option(
    "--sliders/--no-sliders",
    default=False,
    help="Add sliders for percentage and floor to the page that show what `discover` would find.  [default: no]",
)
def report(explain: int, sliders: bool, **given: Any) -> None:
    """Draw the pictures and the page of the last run again, without sending queries.

    With --sliders, data that looser policies need and the run did not read is requested once, as in `tune`.

    \b
    Example:
      ./sl.py report --charts 40
      ./sl.py report --explain 20 --sliders
    """
    from analyzer.report.saved import load
    from traffic.disk import lock

    options = ReportOptions(**given)
    output = options.output
    check_run(output)
    with lock(output):
        if options.html and (explain or sliders):
            run = last_run(output, store_options.EntryOptions())
            findings, more = run.findings, _more(run, output, explain, sliders, options.quiet)
        else:
            findings, more = load(output), PageParts()
        say(findings, options, write_reports(findings, options, wrote_original(output), parts=more))


@dataclass(frozen=True)
class PageParts:
    """What the page holds only where it was asked for."""

    explained: Mapping[str, str] = field(default_factory=dict)
    """What `explain` says of events, by their ids."""
    sliders: Sliders | None = None


def _more(run: LastRun, output: Path, explain: int, sliders: bool, quiet: bool) -> PageParts:
    """From the answers that the run kept."""
    from analyzer.again import cached, place_of
    from analyzer.explaining.explain import explain as explained
    from analyzer.history import History
    from analyzer.pipeline import survey
    from analyzer.report.explained import text
    from analyzer.report.order import worst_first
    from analyzer.tuning.sliders import judge_again

    findings = run.findings
    texts: dict[str, str] = {}
    with cached(run.source, run.scope, output) as (source, _):
        surveyed = survey(source, run.scope)
        for event in worst_first(findings.events)[:explain]:
            if event.key in surveyed.spans:
                place = place_of(findings, run.scope, source, surveyed, event.key)
                texts[event.id] = text(explained(place, event.key, event.start, event.id), 100)
        if not sliders:
            return PageParts(texts)
        labels = None if findings.verdict is None else findings.labels
        with console.bar("policies", quiet) as progress:
            history = History(source, surveyed, run.scope.resolution, progress)
            grid = judge_again(history, findings.policy, findings.events, labels)
    return PageParts(texts, grid)


def write_reports(
    findings: Findings,
    options: ReportOptions,
    original_files: bool,
    painters: Painters | None = None,
    parts: PageParts | None = None,
) -> list[Path]:
    """Tables, pictures and page into the folder; their paths, in the order in which they are told."""
    from analyzer.report.chart import draw
    from analyzer.report.original import original_pictures, remove_original, remove_pictures, write_original
    from analyzer.report.page import PAGE, write_page
    from analyzer.report.table import remove, write_tables

    output, parts = options.output, parts or PageParts()
    written = write_tables(findings, output)
    more: Mapping[Path, Picture] = {}
    if original_files:
        written += write_original(findings, output)
        if options.charts:
            more = original_pictures(findings, output)
        elif wrote_original(output):
            remove_pictures(output)
    elif wrote_original(output):
        # Only files that one of our runs wrote: files of that name may also come from the original tool.
        remove_original(output)

    def page() -> None:
        if options.html:
            written.append(write_page(findings, output, options.title, parts.explained, parts.sliders))
        else:
            remove(output / PAGE)

    with console.bar("pictures", options.quiet) as progress:
        drawn = draw(findings, output, options.charts, progress, more, painters, options.title, page)
    return [*written, *drawn]


def say(findings: Findings, options: ReportOptions, files: list[Path]) -> None:
    """The summary or the JSON document to stdout."""
    from analyzer.report.machine import as_json
    from analyzer.report.terminal import summary

    if options.as_json:
        click.echo(json.dumps(as_json(findings), indent=1))
    elif not options.quiet:
        click.echo(summary(findings, width=console.width(), colour=console.colour()))
        click.echo(_where(files, options.output))


def _where(files: list[Path], output: Path) -> str:
    """What was written, and where: `Written to output: events.csv, events.png, 12 pictures in events/`."""
    here = [path.name for path in files if path.parent == output]
    apart = Counter(path.parent for path in files if path.parent != output)
    below = [
        f"{count} {'picture' if count == 1 else 'pictures'} in {folder.relative_to(output)}{os.sep}"
        for folder, count in apart.items()
    ]
    text = f"Written to {visible(str(output))}: {', '.join([*here, *below])}"
    return fill(text, console.width(), break_long_words=False, break_on_hyphens=False)


def wrote_original(output: Path) -> bool:
    """Whether the last run in this folder wrote the original's files; a folder without a run wrote none."""
    try:
        return bool(json.loads((output / RUN).read_bytes())["settings"]["original_files"])
    except (OSError, ValueError, KeyError, TypeError):
        return False
