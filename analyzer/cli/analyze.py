"""`analyze`: what a log of requests holds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from traffic import console, store_options
from traffic import help as help_pages
from traffic import options as shared
from traffic.errors import UsageFailure

if TYPE_CHECKING:
    from traffic.access_log import LogColumns

FOLDER = "analysis"


@dataclass(frozen=True, kw_only=True)
class AnalyzeOptions(store_options.EntryOptions):
    """What the command line says; None where it says nothing."""

    store: str
    start: str | None
    end: str | None
    named: tuple[str, ...]
    errors: str | None
    scale: float | None
    where: str | None
    skip_bad_lines: bool
    raw_paths: bool
    zone: str
    filter_file: Path | None
    top: int
    latest: int
    charts: bool
    html: bool
    output: Path
    as_json: bool
    quiet: bool


@click.command(cls=help_pages.Command, context_settings=shared.SETTINGS)
@shared.stores("Log files or 'globs', or https://HOST:9200/INDEX.")
@store_options.entry
@shared.window()
@click.option(
    "--field",
    "named",
    multiple=True,
    metavar="ROLE=NAME",
    help="Role of a field that is not recognised by its name: time, service, endpoint, method, status, level, "
    "latency, address, host, agent, referrer, bytes; can be repeated.",
)
@click.option(
    "--errors",
    metavar="CONDITION",
    help='Which lines are errors, as "status >= 400" of a file, "status:>=400" of an index.  '
    "[default: status 500 and more, or a level such as ERROR, CRITICAL, FATAL]",
)
@click.option(
    "--scale",
    type=shared.Number(0, min_open=True),
    help="Milliseconds in a unit of the response times.  [default: derived from the format]",
)
@click.option("--where", metavar="CONDITION", help="Files: read only these lines, such as \"endpoint <> '/health'\".")
@store_options.skip_bad_lines
@click.option(
    "--raw-paths", is_flag=True, help="Keep paths as they are; do not fold identifiers into /api/orders/{id}."
)
@store_options.data_zone
@store_options.data_filter
@click.option(
    "--top", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many endpoints to list."
)
@click.option(
    "--latest",
    type=click.IntRange(0, 1_000_000),
    default=20,
    show_default=True,
    help="How many of the last lines to list.",
)
@click.option("--charts/--no-charts", default=True, help="Draw pictures.  [default: yes]")
@click.option("--html/--no-html", default=True, help="Write analysis.html.  [default: yes]")
@shared.output
@shared.as_json
@shared.quiet
def analyze(**given: Any) -> None:
    """Summarise a request log: files or an Elasticsearch index.

    Reports traffic per hour, status codes, methods, the most requested endpoints, response times with their
    outliers, and the last lines. Every line is counted, in the cluster or on this machine. Writes CSV files, PNGs and
    one page (analysis.html) to the folder `analysis` in --output.

    \b
    Examples:
      ./sl.py analyze --store access.log
      ./sl.py analyze --store 'output/logs_*.json'
      ./sl.py analyze --store https://es.example:9200/web-* --start now-7d
      ./sl.py analyze --store requests.csv --field latency=took --field status=code
    """
    import time

    from analyzer.log_summary import analyse
    from analyzer.log_summary.tables import write_tables
    from analyzer.log_summary.terminal import as_json, summary
    from traffic.disk import lock, make_folder
    from traffic.store import open_log
    from traffic.times import instant

    options = AnalyzeOptions(**given)
    now = int(time.time())
    start, end = (None if text is None else instant(text, now) for text in (options.start, options.end))
    if start is not None and end is not None and end <= start:
        raise UsageFailure("the window ends before it starts: change --start or --end")
    log = open_log(options.store, _said(options), store_options.entry_of(options.store, options))
    if not options.quiet:
        console.note("using " + ", ".join(f"{field} ({role})" for role, field in log.roles.items()))
        for text in log.notes():
            console.note(text)
        console.note(
            f"errors: {log.errors_told or 'not counted: no status or level field found (name errors with --errors)'}"
        )
    found = analyse(log, start, end, options.top, options.latest)
    folder = options.output / FOLDER
    with lock(options.output):
        written = write_tables(found, make_folder(folder))
        if options.charts:
            from analyzer.log_summary.pictures import write_pictures

            written += write_pictures(found, folder)
        if options.html:
            from analyzer.log_summary.page import write_page

            written.append(write_page(found, folder))
    for remark in log.remarks():
        console.note(remark)
    if options.as_json:
        click.echo(json.dumps(as_json(found), indent=1))
    elif not options.quiet:
        click.echo(summary(found, console.width(), console.colour()), nl=False)
        click.echo(f"\n{len(written)} files in {folder}")


def _said(options: AnalyzeOptions) -> LogColumns:
    from traffic.access_log import LogColumns
    from traffic.store.log_fields import ROLES

    named = {}
    for pair in options.named:
        role, equals, field = pair.partition("=")
        if not equals or role not in ROLES:
            raise UsageFailure(f"--field {pair}: write ROLE=NAME, where ROLE is one of {', '.join(ROLES)}")
        named[role] = field
    return LogColumns(
        named,
        errors=options.errors,
        where=options.where,
        filter_file=options.filter_file,
        zone=options.zone,
        scale=options.scale,
        skip_bad_lines=options.skip_bad_lines,
        raw_paths=options.raw_paths,
    )
