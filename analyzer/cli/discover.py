"""`discover`: find events in a store's history."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from analyzer.cli.cycles import collected_less
from analyzer.cli.dry_run import say_plan
from analyzer.cli.every import go_round, refuse_alone, watching
from analyzer.cli.gate import gate
from analyzer.cli.last_run import opened_as
from analyzer.cli.original import no_database, original_files, originals
from analyzer.cli.policies import Theirs, beside, check_reach, named, policy_of
from analyzer.cli.policy_options import policy_options
from analyzer.cli.report import charts, picture_title, say, with_page, write_reports
from analyzer.cli.search import DiscoverOptions, search_of
from analyzer.cli.write_events import events_target, into_an_index, write_events
from traffic import console, store_options
from traffic import help as help_pages
from traffic import options as shared
from traffic.errors import UsageFailure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.model import Findings
    from analyzer.pipeline import Ledger, Search
    from traffic.model import Label
    from traffic.store.base import Source

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
    options = DiscoverOptions(**given)
    if options.every is None:
        refuse_alone(options)
    if options.dry_run or options.every is None:
        found = _run(options)
        return 0 if found is None else gate(found[0], options)
    if options.fail_on_events or options.fail_on_incidents or options.require_f1 is not None or options.as_json:
        raise UsageFailure(
            "--fail-on-..., --require-f1 and --json need a run that ends, and --every has no end: leave them out"
        )
    silent = replace(options, quiet=True)

    def again() -> tuple[Findings, Ledger]:
        found = _run(silent)
        assert found is not None
        return found

    return go_round(options, options.output, options.allow_http, again)


@collected_less()
def _run(options: DiscoverOptions) -> tuple[Findings, Ledger] | None:
    """Search once, and write the reports: what was found, and what it cost; None of a dry run, which only says."""
    from analyzer.comparison import truth_for, unheard
    from analyzer.elsewhere.alerts import ALERTS
    from analyzer.judging.calendar import unmet
    from analyzer.marks import gone, with_marks
    from analyzer.pipeline import TRACES, Ledger, discover
    from analyzer.report.nothing_new import asked, before, record
    from analyzer.report.painters import painters
    from analyzer.report.saved import save, write_run
    from analyzer.report.table import remove
    from analyzer.runs import document
    from analyzer.runs import record as add_run
    from traffic.disk import lock
    from traffic.store import open_source
    from traffic.store.base import SizedSource
    from traffic.store.log_fields import PRESETS

    ledger = Ledger()
    columns, access = store_options.columns_of(options), store_options.entry_of(options.store, options)
    source = open_source(options.store, columns, access)
    console.introduce(source, options.quiet)
    originals_too = original_files(source.name, options.original_files, options.quiet)
    # Few lines fall into a minute, and a share of a few lines is noise.
    resolution = options.resolution or ("1m" if options.preset is None else "5m")
    job = search_of(options, source, resolution)
    target = None if options.write_events is None else events_target(options.write_events, options.store, options)
    if options.dry_run and options.policy_of:
        raise UsageFailure("--dry-run cannot estimate what --policy-of needs: leave one of them out")
    theirs = named(options.policy_of, options.kentik_percentage, source, options)
    if options.dry_run:
        say_plan(source, job, options.as_json)
        return None
    with lock(options.output):
        shows_in = None if options.preset is None else PRESETS[options.preset].shows_in
        truth = truth_for(source, options.output, options.truth, shows_in, job.policy.direction)
        told = with_marks(truth.labels, options.output, source.name, source.metric.name)
        for remark in filter(None, (truth.remark, told.remark)):
            console.note(remark)
        check_reach(theirs, source, job.scope, options.output)
        kept = max(TRACES, job.charts)
        request = asked(source, job, told.labels, kept)
        drawing: dict[str, Any] = {
            "charts": job.charts,
            "title": options.title,
            "html": options.html,
            "original": originals_too,
        }
        drawing["policies"] = list(options.policy_of)
        last = before(request, options.output, drawing)
        # They load what they need while the search runs; of what was asked before, few pictures have changed.
        likely = last.asked is None or last.asked.asked_for != request.asked_for or request.state is not None
        with painters(job.charts > 0, likely and last.findings is None) as ready:
            if last.findings is None:
                with console.bar("discover", options.quiet) as progress:
                    findings = discover(source, job, told.labels, ledger, progress)
            else:
                findings = last.findings
                ledger.queries, ledger.points = {"sent": 0, "cached": 1}, {**last.points, "read": 0}
            if theirs.policies:
                findings = _with_others(findings, theirs, source, job, told.labels, options.quiet)
            else:
                findings = replace(findings, elsewhere=())
                remove(options.output / ALERTS.file)
            some = options.only or options.exclude or options.top
            slips = [] if some else [*unmet(job.policy.calendar, findings.keys), *unheard(told.labels, findings.keys)]
            slips += gone(told.labels, findings.keys, findings.window)
            covered = findings.coverage
            accounts = [] if covered.whole and not covered.notes else [covered.sentence()]
            # Of files the account says all of it, and also where none was read because the answers were known.
            remarks = [] if accounts and isinstance(source, SizedSource) else source.remarks()
            for remark in (*remarks, *filter(None, accounts), *slips):
                console.note(remark)
            if ledger.damaged:
                console.note(f"{ledger.damaged} damaged cache entries ignored; their queries were sent again")
            with ledger.stage("report"):
                if last.findings is None:
                    save(findings, options.output, kept)
                files = (not theirs.policies and last.drawn) or write_reports(findings, options, originals_too, ready)
                say(findings, options, files)
        if target is not None:
            chosen = (options.only, options.exclude, options.top, job.policy.classes, job.policy.direction)
            with ledger.stage("write events"):
                write_events(findings, target, chosen, options.quiet)
        # By the name that holds no password. As whom one looked is no setting of the search, and the half of what one
        # logs in with.
        settings = replace(
            options,
            store=source.name,
            original_files=originals_too,
            resolution=resolution,
            user=None,
            # The address of a webhook is a secret, and any other may contain a login.
            notify=(),
            write_events=None,
        )
        cost = ledger.as_dict()
        # What several files are called in outputs opens none of them.
        said = {**asdict(settings), "opened": opened_as(source, options.store)}
        write_run(findings, options.output, said, cost, record(request, findings, options.output, files, drawing))
        if slip := add_run(options.output, document(findings, said, cost, int(time.time()))):
            console.note(slip)
    if options.verbose:
        console.note(_cost(ledger))
    return findings, ledger


def _with_others(
    findings: Findings,
    theirs: Theirs,
    source: Source,
    job: Search,
    labels: Sequence[Label] | None,
    quiet: bool,
) -> Findings:
    """The same, with what policies of other engines are worth on the same history; their alerts are written."""
    from analyzer.elsewhere.alerts import ALERTS
    from analyzer.elsewhere.worth import own
    from traffic.disk import write_atomic

    rows, alerts = beside(theirs, source, job.scope, job.output, labels, job.policy, quiet=quiet)
    write_atomic(job.output / ALERTS.file, ALERTS.encode(alerts))
    return replace(findings, elsewhere=(*rows, own(findings)))


def _cost(ledger: Ledger) -> str:
    parts = [f"{name} {seconds:.2f} s" for name, seconds in ledger.seconds.items()]
    parts += [f"{name} {count:,}" for name, count in {**ledger.queries, **ledger.points}.items()]
    return ", ".join(parts)
