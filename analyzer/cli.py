"""The commands of the analyzer: options are declared, one function is called, its result is said.

Nothing but click is imported before a command runs, so that help answers at once.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from traffic.errors import UsageFailure

if TYPE_CHECKING:
    from analyzer.model import Findings

EVENTS_FOUND = 3
"""Exit code of --fail-on-events and --require-f1."""

RUN = "run.json"
TRUTH = "ground_truth.csv"

_output = click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default="output",
    show_default=True,
    help="Folder of all files of the run.",
)
_charts = click.option(
    "--charts", type=click.IntRange(0), default=12, show_default=True, help="Pictures of single events, worst first."
)
_json = click.option("--json", "as_json", is_flag=True, help="Say the result as one JSON document.")
_quiet = click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
_verbose = click.option("-v", "--verbose", is_flag=True, help="Say where time went.")


@click.command(context_settings={"auto_envvar_prefix": "SL"})
@click.option(
    "--store", default="output/traffic", show_default=True, help="Folder of `generate`, or your own file or 'glob'."
)
@click.option("--time", "time_column", help="Own file: column of the time.")
@click.option("--key", "key_column", help="Own file: column that names the series.")
@click.option("--value", "value_column", help="Own file: column of the value.")
@click.option(
    "--statistic",
    type=click.Choice(["avg", "sum", "count", "max"]),
    default="avg",
    show_default=True,
    help="Own file: what a bucket of several rows is.",
)
@click.option("--unit", default="", help="Own file: unit of the value.")
@click.option("--scale", type=float, default=1.0, show_default=True, help="Own file: factor on every value.")
@click.option("--start", help="Look from here: 2026-11-01, 2026-11-01T10:00Z, now-7d, now/d.  [default: all there is]")
@click.option("--end", help="Look up to here.  [default: all there is]")
@click.option("--resolution", default="1m", show_default=True, help="Width of a bucket: 1m, 5m, 10m, 60m.")
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
@click.option("--percentile", type=float, help="Of the other weeks' hourly p95s: the baseline.")
@click.option("--only", multiple=True, metavar="GLOB", help="Look at these keys; may be said again.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="Leave these keys out; may be said again.")
@click.option(
    "--truth",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Labels to compare with (key, start, end).  [default: what `generate` wrote for this store]",
)
@_output
@_charts
@click.option(
    "--full-scan", is_flag=True, help="Look at every bucket, not only where an event can be: slower, the same."
)
@click.option(
    "--require-f1", type=click.FloatRange(0, 1), help="Exit with 3 if the F1 against the truth is below this."
)
@click.option("--fail-on-events", is_flag=True, help="Exit with 3 if there are events.")
@_json
@_quiet
@_verbose
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
    """
    from analyzer.pipeline import Job, Ledger, discover
    from analyzer.policy import read_policy
    from analyzer.report.saved import save
    from traffic.disk import lock
    from traffic.store import Columns, open_source
    from traffic.times import duration, instant, resolution

    now = int(time.time())
    ledger = Ledger()
    output: Path = options["output"]
    columns = Columns(
        options["time_column"],
        options["key_column"],
        options["value_column"],
        statistic=options["statistic"],
        unit=options["unit"],
        scale=options["scale"],
    )
    source = open_source(options["store"], columns)
    overrides = {name: options[name] for name in ("over_percent", "matches", "floor", "percentile")}
    overrides["within"] = None if options["within"] is None else duration(options["within"])
    job = Job(
        output=output,
        policy=read_policy(_policy_file(options["policy_file"]), source.metric, overrides),
        resolution=resolution(options["resolution"]),
        now=now,
        start=None if options["start"] is None else instant(options["start"], now),
        end=None if options["end"] is None else instant(options["end"], now),
        only=options["only"],
        exclude=options["exclude"],
        full_scan=options["full_scan"],
        charts=options["charts"],
    )
    with lock(output):
        labels = _truth(options["truth"], output / TRUTH, source.identity())
        with _bar("discover", options["quiet"]) as progress:
            findings = discover(source, job, labels, ledger, progress)
        for reason, count in getattr(source, "left_out", {}).items():
            _note(f"{count:,} rows left out: {reason}")
        if ledger.damaged:
            _note(f"{ledger.damaged} damaged cache entries ignored; their queries were asked again")
        with ledger.stage("report"):
            save(findings, output, most=max(200, job.charts))
            _write_reports(findings, output, job.charts, options)
        _write_run(output, options, findings, ledger)
    if options["verbose"]:
        _note(_cost(ledger))
    return _gate(findings, options)


@click.command(context_settings={"auto_envvar_prefix": "SL"})
@_output
@_charts
@_json
@_quiet
@_verbose
def report(**options: Any) -> int:
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
        _write_reports(load(output), output, options["charts"], options)
    return 0


@click.command(context_settings={"auto_envvar_prefix": "SL"})
@_output
@click.option("--clear", is_flag=True, help="Remove all kept answers.")
@_json
def cache(output: Path, clear: bool, as_json: bool) -> None:
    """Show, or clear, the answers that earlier runs were given.

    \b
    Examples:
      ./sl.py cache
      ./sl.py cache --clear
    """
    from analyzer.cache import Shelf
    from analyzer.cache.log import write_log
    from analyzer.pipeline import BUFFER_CACHE, BUFFER_LOG
    from traffic.disk import lock

    if not output.is_dir():
        raise UsageFailure(f"there is no folder {output}: name the one of your runs with --output")
    with lock(output):
        shelf = Shelf(output / BUFFER_CACHE)
        answers = shelf.answers()
        removed = shelf.clear() if clear else 0
        if clear:
            write_log(output / BUFFER_LOG, shelf)
    kinds = sorted({answer["kind"] for answer in answers})
    rows = [
        {
            "kind": kind,
            "answers": sum(a["kind"] == kind for a in answers),
            "bytes": sum(a["bytes"] for a in answers if a["kind"] == kind),
        }
        for kind in kinds
    ]
    if as_json:
        click.echo(json.dumps({"answers": rows, "damaged": len(shelf.damaged), "removed": removed}, indent=1))
        return
    for row in rows:
        click.echo(f"{row['kind']:8} {row['answers']:8,} answers {row['bytes'] / 1e6:10.1f} MB")
    if not rows:
        click.echo(f"no answers are kept in {output / BUFFER_CACHE}")
    if shelf.damaged:
        click.echo(f"{len(shelf.damaged)} damaged files are ignored; --clear removes them")
    if clear:
        click.echo(f"{removed:,} files removed")


COMMANDS = (discover, report, cache)


def _policy_file(named: Path | None) -> Path | None:
    """The file that was named, else the project's own where it stands."""
    own = Path(__file__).resolve().parent.parent / "input" / "policy.yaml"
    return named or (own if own.exists() else None)


def _truth(named: Path | None, own: Path, identity: str | None) -> Any:
    """The labels to compare with: a named file's, or those that were written for just this store; else None."""
    from traffic import truth

    if named is not None:
        return truth.read(named)[0]
    if identity is None or not own.exists():
        return None
    labels, store = truth.read(own)
    if store != identity:
        _note(f"{own} was written for another store or window: no verdict (run ./sl.py generate again)")
        return None
    return labels


def _write_reports(findings: Findings, output: Path, charts: int, options: dict[str, Any]) -> None:
    from analyzer.report.chart import draw
    from analyzer.report.machine import as_json
    from analyzer.report.table import write_tables
    from analyzer.report.terminal import summary

    write_tables(findings, output)
    with _bar("pictures", options["quiet"]) as progress:
        draw(findings, output, charts, progress)
    if options["as_json"]:
        click.echo(json.dumps(as_json(findings), indent=1))
    elif not options["quiet"]:
        colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        click.echo(summary(findings, width=_width(), colour=colour))


def _write_run(output: Path, options: dict[str, Any], findings: Findings, ledger: Any) -> None:
    from analyzer.report.machine import scores
    from analyzer.report.saved import describe
    from traffic.disk import write_atomic

    scored = {} if findings.verdict is None else scores(findings.verdict)
    settings = {name: str(value) if isinstance(value, Path) else value for name, value in options.items()}
    run = {"version": 1, "settings": settings, "scores": scored, **ledger.as_dict(), "findings": describe(findings)}
    write_atomic(output / RUN, (json.dumps(run, indent=1) + "\n").encode())


def _gate(findings: Findings, options: dict[str, Any]) -> int:
    wanted = options["require_f1"]
    if wanted is not None:
        if findings.verdict is None:
            raise UsageFailure("--require-f1 needs a truth to compare with: name one with --truth")
        f1 = findings.verdict.f1
        if f1 is None or f1 < wanted:
            _note(f"F1 is {'undefined' if f1 is None else f'{f1:.3f}'}, --require-f1 asks for {wanted}")
            return EVENTS_FOUND
    if options["fail_on_events"] and findings.events:
        _note(f"{len(findings.events)} events, and --fail-on-events")
        return EVENTS_FOUND
    return 0


def _cost(ledger: Any) -> str:
    parts = [f"{name} {seconds:.2f} s" for name, seconds in ledger.seconds.items()]
    parts += [f"{name} {count:,}" for name, count in {**ledger.queries, **ledger.points}.items()]
    return ", ".join(parts)


@contextmanager
def _bar(label: str, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A progress bar with ETA on a terminal, silence elsewhere."""
    if quiet or not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    with click.progressbar(length=1, label=label, file=sys.stderr, show_pos=True) as bar:

        def progress(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        yield progress


def _note(text: str) -> None:
    click.echo(f"sl: {text}", err=True)


def _width() -> int:
    return min(shutil.get_terminal_size((100, 24)).columns, 120)
