"""`discover`: find events in a store's history."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from analyzer.cli.every import go_round, refuse_alone, watching
from analyzer.cli.gate import gate
from analyzer.cli.original import no_database, originals
from analyzer.cli.policies import policy_of
from analyzer.cli.policy_options import policy_options
from analyzer.cli.report import charts, picture_title, with_page
from analyzer.cli.search import DiscoverOptions
from analyzer.cli.write_events import into_an_index
from traffic import help as help_pages
from traffic import options as shared
from traffic import store_options
from traffic.cycles import collected_less
from traffic.errors import UsageFailure

if TYPE_CHECKING:
    from analyzer.model import Findings
    from analyzer.pipeline import Ledger

_COMMON = (
    *("store", "preset", "key_column", "value_column", "start", "end", "over_percent", "direction"),
    *("only", "truth", "output", "dry_run"),
)
_SECTIONS = {
    "store": help_pages.READ,
    "start": "Data and time",
    "policy_file": "Alert policy",
    "truth": "Comparison and output",
    "full_scan": "Execution",
    "every": "Continuous runs",
}


class Discover(help_pages.Command):
    """Says at the end of its help what the rules of the policy are."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """A sentence each; where they are kept loads numpy, which no other help has to wait for."""
        if not help_pages.wants_all(ctx):
            return
        from analyzer.kernels.rules import RULES

        with formatter.section("Rules on top of the threshold (all on by default)"):
            formatter.write_dl(list(RULES.items()))


@click.command(cls=Discover, common=_COMMON, sections=_SECTIONS, context_settings=shared.SETTINGS)
@shared.sources
@store_options.columns
@store_options.entry
@shared.window("the window to judge")
@click.option(
    "--history", default="6w", show_default=True, help="How much history to learn from on both sides of the window."
)
@click.option(
    "--resolution",
    "--resultion",
    cls=shared.Aliased,
    help="Width of a bucket: 1m, 5m, 10m, 60m.  [default: 1m; with --metric 5m]",
)
@policy_options
@click.option(
    "--by",
    metavar="DIMENSION,...",
    help="Dimensions to break events down by, such as dst_port,src_as, or `none`.  [default: all in the store; "
    "none for Kentik and Prometheus]",
)
@click.option(
    "--group",
    metavar="REGEX|COLUMN",
    help="Series with the same value here may form one incident: a pattern such as '^(site-\\d+)', or a column such "
    "as site.",
)
@shared.only
@shared.exclude
@click.option("--top", type=click.IntRange(min=1), metavar="N", help="Elasticsearch: read only the N largest series.")
@click.option(
    "--truth",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Known incidents to compare with (CSV: key, start, end).  [default: the labels that `generate` wrote for "
    "this store]",
)
@policy_of
@shared.output
@charts
@picture_title
@with_page
@originals
@no_database
@into_an_index
@click.option("--full-scan", is_flag=True, help="Scan every bucket, not only the candidate hours; slower, same result.")
@click.option(
    "--concurrency",
    type=click.IntRange(1, 16),
    default=2,
    show_default=True,
    help="Parallel requests to a service.",
)
@click.option("--dry-run", is_flag=True, help="Print the requests a run would send and the estimated time; send none.")
@click.option("--require-f1", type=shared.Number(0, 1), help="Exit with code 3 if F1 is below this.")
@click.option(
    "--fail-on-incidents", is_flag=True, help="Exit with code 3 if the policy raises an incident of several series."
)
@click.option("--fail-on-events", is_flag=True, help="Exit with code 3 if the policy raises events.")
@shared.as_json
@shared.quiet
@shared.verbose
@watching
@shared.log_format
@collected_less()
def discover(**given: Any) -> int:
    """Find events in a store's history.

    Learns what is normal for every series and hour of the week from the other weeks, finds what rises 200 % above it,
    writes events.csv, pictures and run.json, and compares the events with the labels, if there are any. Every answer
    of the store is cached: a second run sends no queries, and an interrupted run resumes.

    \b
    Examples:
      ./sl.py discover
      ./sl.py discover --over-percent 100 --only 'customer-0*'
      ./sl.py discover --store flows.csv --time ts --key customer --value bytes --statistic sum
      ./sl.py discover --store https://es.example:9200/app-logs --metric errors
      ./sl.py discover --every 1h --notify alertmanager:http://127.0.0.1:9093 >>events.ndjson
    """
    from analyzer.cli.one_run import run_once

    options = DiscoverOptions(**given)
    if options.every is None:
        refuse_alone(options)
    if options.dry_run or options.every is None:
        found = run_once(options)
        return 0 if found is None else gate(found[0], options)
    if options.fail_on_events or options.fail_on_incidents or options.require_f1 is not None or options.as_json:
        raise UsageFailure(
            "--fail-on-..., --require-f1 and --json need a run that ends, and --every has no end: leave them out"
        )
    silent = replace(options, quiet=True)

    def again() -> tuple[Findings, Ledger]:
        found = run_once(silent)
        assert found is not None
        return found

    return go_round(options, options.output, options.allow_http, again)
