"""One run of `discover`: what its options ask for, what was found, and what is kept of it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from analyzer.cli.dry_run import say_plan
from analyzer.cli.last_run import opened_as
from analyzer.cli.original import original_files
from analyzer.cli.policies import Theirs, beside, check_reach, named
from analyzer.cli.report import say, write_reports
from analyzer.cli.search import DiscoverOptions, search_of
from analyzer.cli.write_events import EventsTarget, events_target, write_events
from analyzer.comparison import truth_for, unheard
from analyzer.elsewhere.alerts import ALERTS
from analyzer.judging.calendar import unmet
from analyzer.marks import gone, with_marks
from analyzer.model import Findings
from analyzer.pipeline import Ledger, Search, discover
from analyzer.report.nothing_new import Before, asked, before, record
from analyzer.report.painters import painters
from analyzer.report.saved import save, write_run
from analyzer.report.table import remove
from analyzer.runs import document
from analyzer.runs import record as add_run
from traffic import console, store_options
from traffic.disk import lock, write_atomic
from traffic.errors import UsageFailure
from traffic.model import Label
from traffic.store import open_source
from traffic.store.base import SizedSource, Source
from traffic.store.log_fields import PRESETS


@dataclass(frozen=True)
class Prepared:
    """What the options of a run ask for, all of it checked; of the store nothing has been read yet."""

    options: DiscoverOptions
    source: Source
    job: Search
    resolution: str
    """As a person writes it."""
    originals: bool
    """Whether the files of kentik_event_discovery are written too."""
    target: EventsTarget | None
    """Where events are written besides files."""
    theirs: Theirs


def run_once(options: DiscoverOptions) -> tuple[Findings, Ledger] | None:
    """Search once, and write the reports: what was found, and what it cost; None of a dry run, which only says."""
    run = _prepared(options)
    if options.dry_run:
        say_plan(run.source, run.job, options.as_json)
        return None
    with lock(options.output):
        findings, ledger = _searched(run)
    if options.verbose:
        console.note(_cost(ledger))
    return findings, ledger


def _prepared(options: DiscoverOptions) -> Prepared:
    columns, access = store_options.columns_of(options), store_options.entry_of(options.store, options)
    source = open_source(options.store, columns, access)
    console.introduce(source, options.quiet)
    originals = original_files(source.name, options.original_files, options.quiet)
    # Few lines fall into a minute, and a share of a few lines is noise.
    resolution = options.resolution or ("1m" if options.preset is None else "5m")
    job = search_of(options, source, resolution)
    target = None if options.write_events is None else events_target(options.write_events, options.store, options)
    if options.dry_run and options.policy_of:
        raise UsageFailure("--dry-run cannot estimate what --policy-of needs: leave one of them out")
    theirs = named(options.policy_of, options.kentik_percentage, source, options)
    return Prepared(
        options=options,
        source=source,
        job=job,
        resolution=resolution,
        originals=originals,
        target=target,
        theirs=theirs,
    )


def _searched(run: Prepared) -> tuple[Findings, Ledger]:
    """Search, report and record; the folder of the run is locked."""
    options, job, ledger = run.options, run.job, Ledger()
    labels = _labels(run)
    check_reach(run.theirs, run.source, job.scope, options.output)
    kept = job.traces
    request = asked(run.source, job, labels, kept)
    drawing: dict[str, Any] = {
        "charts": job.charts,
        "title": options.title,
        "html": options.html,
        "original": run.originals,
        "policies": list(options.policy_of),
    }
    last = before(request, options.output, drawing)
    # They load what they need while the search runs; of what was asked before, few pictures have changed.
    likely = last.asked is None or last.asked.asked_for != request.asked_for or request.state is not None
    with painters(job.charts > 0, likely and last.findings is None) as ready:
        findings = _with_others(_found(run, labels, last, ledger), run, labels)
        for note in _notes(run, findings, labels, ledger):
            console.note(note)
        with ledger.stage("report"):
            if last.findings is None:
                save(findings, options.output, kept)
            unchanged = [] if run.theirs.policies else last.drawn
            files = unchanged or write_reports(findings, options, run.originals, ready)
            say(findings, options, files)
    if run.target is not None:
        chosen = (options.only, options.exclude, options.top, job.policy.classes, job.policy.direction)
        with ledger.stage("write events"):
            write_events(findings, run.target, chosen, options.quiet)
    said, cost = _settings(run), ledger.as_dict()
    write_run(findings, options.output, said, cost, record(request, findings, options.output, files, drawing))
    if slip := add_run(options.output, document(findings, said, cost, int(time.time()))):
        console.note(slip)
    return findings, ledger


def _labels(run: Prepared) -> Sequence[Label] | None:
    """The truth that the run is compared with, with a person's marks."""
    options, source = run.options, run.source
    shows_in = None if options.preset is None else PRESETS[options.preset].shows_in
    truth = truth_for(source, options.output, options.truth, shows_in, run.job.policy.direction)
    told = with_marks(truth.labels, options.output, source.name, source.metric.name)
    for remark in filter(None, (truth.remark, told.remark)):
        console.note(remark)
    return told.labels


def _found(run: Prepared, labels: Sequence[Label] | None, last: Before, ledger: Ledger) -> Findings:
    """What the last run found, if this one would find the same; else what a search finds."""
    if last.findings is not None:
        ledger.queries, ledger.points = {"sent": 0, "cached": 1}, {**last.points, "read": 0}
        return last.findings
    with console.bar("discover", run.options.quiet) as progress:
        return discover(run.source, run.job, labels, ledger, progress)


def _with_others(findings: Findings, run: Prepared, labels: Sequence[Label] | None) -> Findings:
    """The same, with what policies of other engines are worth on the same history; their alerts are written."""
    job = run.job
    if not run.theirs.policies:
        remove(job.output / ALERTS.file)
        return replace(findings, elsewhere=())
    # Loaded only here: few runs judge others' policies.
    from analyzer.elsewhere.worth import own

    rows, alerts = beside(run.theirs, run.source, job.scope, job.output, labels, job.policy, quiet=run.options.quiet)
    write_atomic(job.output / ALERTS.file, ALERTS.encode(alerts))
    return replace(findings, elsewhere=(*rows, own(findings)))


def _notes(run: Prepared, findings: Findings, labels: Sequence[Label] | None, ledger: Ledger) -> Iterator[str]:
    """What was left out, what does not fit together, and what was damaged: a line each."""
    options, covered = run.options, findings.coverage
    account = "" if covered.whole and not covered.notes else covered.sentence()
    # Of files the account says all of it, and also where none was read because the answers were known.
    if not (account and isinstance(run.source, SizedSource)):
        yield from run.source.remarks()
    if account:
        yield account
    if not (options.only or options.exclude or options.top):
        yield from unmet(run.job.policy.calendar, findings.keys)
        yield from unheard(labels, findings.keys)
    yield from gone(labels, findings.keys, findings.window)
    if ledger.damaged:
        yield f"{ledger.damaged} damaged cache entries ignored; their queries were sent again"


def _settings(run: Prepared) -> dict[str, Any]:
    """The options of a run as its folder records them: no secret, and nothing that is no setting of the search."""
    settings = replace(
        run.options,
        # By the name that holds no password. As whom one looked is no setting of the search, and the half of what one
        # logs in with.
        store=run.source.name,
        original_files=run.originals,
        resolution=run.resolution,
        user=None,
        # The address of a webhook is a secret, and any other may contain a login.
        notify=(),
        write_events=None,
    )
    # What several files are called in outputs opens none of them.
    return {**asdict(settings), "opened": opened_as(run.source, run.options.store)}


def _cost(ledger: Ledger) -> str:
    parts = [f"{name} {seconds:.2f} s" for name, seconds in ledger.seconds.items()]
    parts += [f"{name} {count:,}" for name, count in {**ledger.queries, **ledger.points}.items()]
    return ", ".join(parts)
