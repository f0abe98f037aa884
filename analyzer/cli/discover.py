"""`discover`: find events in a store's history."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from analyzer.cli.original import Misspelt, no_database, original_files, originals
from analyzer.cli.report import RUN, charts, write_reports
from traffic import options as shared
from traffic.errors import UsageFailure

if TYPE_CHECKING:
    from analyzer.model import Findings, Looking
    from analyzer.pipeline import Job, Ledger
    from traffic.store.base import Source

EVENTS_FOUND = 3
"""Exit code of --fail-on-events and --require-f1."""

TRUTH = "ground_truth.csv"
LOG_TRUTH = "log_incidents.csv"
"""What `logs` writes; taken for the truth where log lines are looked at."""


_SECTIONS = {
    "store": "What is read",
    "user": "How to get in",
    "start": "What is looked at",
    "policy_file": "The policy",
    "truth": "What is compared and written",
    "full_scan": "The run",
}
"""Of the options in --help: the first of each, and a title."""


class Discover(click.Command):
    """Has its options in sections, and says at the end of its help what the rules of the policy are."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """In the order in which they are declared."""
        sections: dict[str, list[tuple[str, str]]] = {}
        title = ""
        for option in self.get_params(ctx):
            title = _SECTIONS.get(option.name or "", title)
            if (record := option.get_help_record(ctx)) is not None:
                sections.setdefault(title, []).append(record)
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records)

    def format_epilog(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """A sentence each; where they are kept loads numpy, which no other help has to wait for."""
        from analyzer.kernels.rules import RULES

        with formatter.section("Rules on top of the threshold, all on by default"):
            formatter.write_dl(list(RULES.items()))


@click.command(cls=Discover, context_settings=shared.SETTINGS)
@shared.store
@shared.columns
@shared.entry
@click.option("--start", help="Look from here: 2026-11-01, 2026-11-01T10:00Z, now-7d, now/d.  [default: all there is]")
@click.option("--end", help="Look up to here.  [default: all there is]")
@click.option(
    "--history", default="6w", show_default=True, help="Learn from this much before and after what is looked at."
)
@click.option(
    "--resolution",
    "--resultion",
    cls=Misspelt,
    help="Width of a bucket: 1m, 5m, 10m, 60m.  [default: 1m; with --metric 5m]",
)
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Settings of the policy.  [default: input/policy.yaml]",
)
@click.option("--over-percent", type=float, help="Threshold above the baseline; 200 means three times.")
@click.option("--matches", type=int, help="Buckets above the threshold that make an event ...")
@click.option("--within", help="... inside this time.")
@click.option("--floor", type=float, help="The threshold is never below this.")
@click.option("--merge", help="A later breach less than this after the last one belongs to the same event.")
@click.option("--percentile", type=float, help="Of the other weeks' hourly p95s: the baseline.")
@click.option(
    "--baseline",
    type=click.Choice(["retrospective", "trailing", "original"]),
    help="Compare an hour with all other weeks, with the weeks before it, or (to compare) with all, its own too.",
)
@click.option(
    "--timezone", metavar="ZONE", help="Whose clock the hours of the week follow: Europe/Berlin ...  [default: UTC]"
)
@click.option(
    "--calendar",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Holidays and maintenance (CSV: start,end,what,key,note): not judged, not learned from, or like Sundays.",
)
@click.option("--direction", type=click.Choice(["above", "below", "both"]), help="Look for rises, falls, or both.")
@click.option("--without", multiple=True, metavar="RULE", help="Leave a rule out (see below); may be said again.")
@click.option("--only", multiple=True, metavar="GLOB", help="Look at these keys; may be said again.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="Leave these keys out; may be said again.")
@click.option(
    "--truth",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Labels to compare with (key, start, end).  [default: what `generate` wrote for this store]",
)
@shared.output
@charts
@originals
@no_database
@click.option(
    "--full-scan", is_flag=True, help="Look at every bucket, not only where an event can be: slower, the same."
)
@click.option(
    "--concurrency",
    type=click.IntRange(1, 16),
    default=2,
    show_default=True,
    help="Requests to a service that are under way at once.",
)
@click.option("--dry-run", is_flag=True, help="Only say what the run would ask for, and about how long that takes.")
@click.option("--require-f1", type=shared.Number(0, 1), help="Exit with 3 if the F1 against the truth is below this.")
@click.option("--fail-on-events", is_flag=True, help="Exit with 3 if there are events.")
@shared.as_json
@shared.quiet
@shared.verbose
def discover(**options: Any) -> int:
    """Find events in a store's history.

    Learns what is normal for every key and hour of the week from the other weeks, finds what rises 200 % over it,
    writes events.csv, pictures and run.json, and compares the events with the truth where there is one. Every answer
    of the store is kept: a second run asks nothing again, and a run that was stopped goes on.

    \b
    Examples:
      ./sl.py discover
      ./sl.py discover --over-percent 100 --only 'customer-0*'
      ./sl.py discover --store flows.csv --time ts --key customer --value bytes --statistic sum
      ./sl.py discover --store https://es.example:9200/app-logs --metric errors
    """
    from analyzer.judging.calendar import unmet
    from analyzer.judging.policy import read_policy
    from analyzer.pipeline import Job, Ledger, discover
    from analyzer.report.painters import get_ready
    from analyzer.report.saved import save
    from traffic.disk import lock
    from traffic.store import open_source
    from traffic.times import duration, instant, resolution

    now = int(time.time())
    ledger = Ledger()
    output: Path = options["output"]
    source = open_source(options["store"], shared.columns_of(options), shared.entry_of(options))
    # From here on by the name that holds no password: settings are written down.
    options["store"] = source.name
    shared.introduce(source, options["quiet"])
    options["original_files"] = original_files(options)
    # Few lines fall into a minute, and a share of few is noise.
    options["resolution"] = options["resolution"] or ("1m" if options["preset"] is None else "5m")
    overrides = {name: options[name] for name in ("over_percent", "matches", "floor", "percentile")}
    overrides |= {name: options[name] for name in ("baseline", "direction", "timezone")}
    overrides |= {name: options[name] and duration(options[name]) for name in ("within", "merge")}
    job = Job(
        output=output,
        policy=read_policy(
            _policy_file(options["policy_file"]), source.metric, overrides, options["without"], options["calendar"]
        ),
        resolution=shared.fitted(source, resolution(options["resolution"]), options["quiet"]),
        now=now,
        start=None if options["start"] is None else instant(options["start"], now),
        end=None if options["end"] is None else instant(options["end"], now),
        history=duration(options["history"]),
        only=options["only"],
        exclude=options["exclude"],
        full_scan=options["full_scan"],
        charts=options["charts"],
        concurrency=options["concurrency"],
    )
    if options["dry_run"]:
        return _say_plan(source, job, options)
    with lock(output):
        labels = _truth(options, output, source, job.policy.direction)
        if job.charts:
            # They load while the search runs.
            get_ready()
        with shared.bar("discover", options["quiet"]) as progress:
            findings = discover(source, job, labels, ledger, progress)
        slips = () if options["only"] or options["exclude"] else unmet(job.policy.calendar, findings.keys)
        for remark in (*source.remarks(), *slips):
            shared.note(remark)
        if ledger.damaged:
            shared.note(f"{ledger.damaged} damaged cache entries ignored; their queries were asked again")
        with ledger.stage("report"):
            save(findings, output, most=max(200, job.charts))
            write_reports(findings, output, options)
        _write_run(output, options, findings, ledger)
    if options["verbose"]:
        shared.note(_cost(ledger))
    return _gate(findings, options)


def _say_plan(source: Source, job: Job, options: dict[str, Any]) -> int:
    from dataclasses import asdict

    from analyzer.reading.plan import plan
    from traffic.disk import lock
    from traffic.text import length
    from traffic.times import iso

    with lock(job.output):
        found = plan(source, job)
    for remark in source.remarks():
        shared.note(remark)
    if options["as_json"]:
        click.echo(json.dumps(asdict(found), indent=1))
        return 0
    what = "hourly roll-ups" if found.pushed else f"buckets of {job.resolution} s"
    click.echo(f"keys       {found.keys:,}, from {iso(found.window.start)} to {iso(found.window.end)}")
    click.echo(f"requests   {found.requests:,} for {found.buckets:,} {what} of {found.points:,} points")
    if found.most_requests:
        click.echo(
            f"           then the days in which an event can be: usually few, {found.most_requests:,} at the most"
        )
    if found.limited:
        click.echo(f"time       about {length(found.seconds)} for these, as fast as the service's limits allow")
    else:
        click.echo(f"time       about {found.seconds:,.1f} s for these, by a small one that was sent")
    return 0


def _policy_file(named: Path | None) -> Path | None:
    """The file that was named, else the project's own where it stands."""
    own = Path(__file__).resolve().parent.parent.parent / "input" / "policy.yaml"
    return named or (own if own.exists() else None)


def _truth(options: dict[str, Any], output: Path, source: Source, looking: Looking) -> Any:
    """The labels to compare with: a named file's, or those that were written for just this store; else None."""
    from traffic import truth
    from traffic.store.log_fields import PRESETS

    shows_in = None if options["preset"] is None else PRESETS[options["preset"]].shows_in
    named, own = options["truth"], output / TRUTH
    if named is None and shows_in is not None:
        # `logs` puts it beside the files that it writes.
        for incidents in dict.fromkeys((Path(options["store"]).parent / LOG_TRUTH, output / LOG_TRUTH)):
            if incidents.is_file() and (labels := _incidents(incidents, source, shows_in, looking)) is not None:
                return labels
        return None
    if named is not None:
        labels = truth.read(named, shows_in)[0]
        return labels if shows_in is None else truth.looked_for(labels, looking)
    identity = source.identity()
    if identity is None or not own.exists():
        return None
    labels, store = truth.read(own)
    if store != identity:
        shared.note(f"{own} was written for another store or window: no verdict (run ./sl.py generate again)")
        return None
    return labels


def _incidents(path: Path, source: Source, shows_in: str, looking: Looking) -> Any:
    """What `logs` wrote, unless it is of other services or another time."""
    from traffic import truth
    from traffic.model import HOUR

    labels = truth.looked_for(truth.read(path, shows_in)[0], looking)
    extent = source.extent(None, HOUR)
    keys = source.keys(extent)
    if not any(label.key in keys and label.window.overlap(extent) for label in labels):
        return None
    shared.note(f"comparing with the incidents in {path} that show in {shows_in}")
    return labels


def _write_run(output: Path, options: dict[str, Any], findings: Findings, ledger: Ledger) -> None:
    from analyzer.report.machine import coverage, not_judged, scores
    from analyzer.report.saved import describe
    from traffic.disk import write_atomic

    scored = {} if findings.verdict is None else scores(findings.verdict)
    settings = {name: str(value) if isinstance(value, Path) else value for name, value in options.items()}
    # As whom one looked is no setting of the search, and the half of what one logs in with.
    settings["user"] = None
    said = {"settings": settings, "scores": scored, "not_judged": not_judged(findings), "coverage": coverage(findings)}
    run = {"version": 1, **said, **ledger.as_dict(), "findings": describe(findings)}
    write_atomic(output / RUN, (json.dumps(run, indent=1) + "\n").encode())


def _gate(findings: Findings, options: dict[str, Any]) -> int:
    wanted = options["require_f1"]
    if wanted is not None:
        if findings.verdict is None:
            raise UsageFailure("--require-f1 needs a truth to compare with: name one with --truth")
        f1 = findings.verdict.f1
        if f1 is None or f1 < wanted:
            shared.note(f"F1 is {'undefined' if f1 is None else f'{f1:.3f}'}, --require-f1 asks for {wanted}")
            return EVENTS_FOUND
    if options["fail_on_events"] and findings.events:
        shared.note(f"{len(findings.events)} events, and --fail-on-events")
        return EVENTS_FOUND
    return 0


def _cost(ledger: Ledger) -> str:
    parts = [f"{name} {seconds:.2f} s" for name, seconds in ledger.seconds.items()]
    parts += [f"{name} {count:,}" for name, count in {**ledger.queries, **ledger.points}.items()]
    return ", ".join(parts)
