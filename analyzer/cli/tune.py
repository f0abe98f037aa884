"""`tune`: many policies over the history of the last run."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from analyzer.cli.last_run import labels_of, last_run
from analyzer.cli.policies import Theirs, beside, check_reach, named, policy_of
from traffic import console, store_options
from traffic import help as help_pages
from traffic import options as shared
from traffic.errors import UsageFailure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.cli.last_run import LastRun
    from analyzer.elsewhere.policy import Percentage
    from analyzer.model import OtherPolicy
    from analyzer.tuning.table import Tuned
    from traffic.model import Label

PICTURE = "tuning.png"


@dataclass(frozen=True, kw_only=True)
class TuneOptions(store_options.EntryOptions):
    """What the command line says."""

    vary: tuple[str, ...]
    budget: str | None
    policy_of: tuple[str, ...]
    kentik_percentage: Percentage
    truth: Path | None
    engine: str
    dry_run: bool
    output: Path
    as_json: bool
    quiet: bool


@click.command(
    cls=help_pages.Command, short_help="Try many policies on the last run's history.", context_settings=shared.SETTINGS
)
@click.option(
    "--vary",
    multiple=True,
    metavar="NAME=VALUES",
    help="Try these values of a setting: over-percent=50..400/25, matches=1,2,3, within=5m,10m, baseline=..., "
    "rules=all,none,-tail, classes=policy,policy+unusual; can be repeated, all combinations are tried.  "
    "[default: a grid of 200 policies]",
)
@click.option("--budget", metavar="N/week", help="Maximum alerts a week, over all series.")
@click.option(
    "--truth",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Incidents to be found (CSV: key, start, end).  [default: those of the run]",
)
@click.option(
    "--as",
    "engine",
    type=click.Choice(["discover", "prometheus"]),
    default="discover",
    show_default=True,
    help="Which alerts to count: those of discover, or those of the rules that `rules` writes.",
)
@policy_of
@click.option("--dry-run", is_flag=True, help="Print how many requests would be sent; send none.")
@store_options.entry
@shared.output
@shared.as_json
@shared.quiet
def tune(**given: Any) -> None:
    """Try many policies on the history of the last run: what each one finds, misses and costs in alerts a week.

    Store, window and current policy are those of the last run in the folder. Its cached answers are used; data that a
    looser policy needs in addition is requested once. Counts are exactly what `discover` finds with a policy. The
    recommended policy is chosen on the first two thirds of the weeks and tested on the rest; with fewer than five
    incidents none is recommended. Writes tuning.csv, tuning.png, and policy.tuned.yaml for `discover --policy`.

    \b
    Examples:
      ./sl.py tune
      ./sl.py tune --budget 3/week
      ./sl.py tune --vary over-percent=50..400/25 --vary matches=1,2,3 --truth incidents.csv
    """
    from analyzer.again import cached
    from analyzer.history import History
    from analyzer.pipeline import survey
    from analyzer.report.elsewhere import elsewhere
    from analyzer.report.table import ELSEWHERE
    from analyzer.tuning.grid import DEFAULT, candidates, looser
    from analyzer.tuning.run import tuned
    from analyzer.tuning.table import document, text
    from traffic.disk import lock

    options = TuneOptions(**given)
    budget = None if options.budget is None else _budget(options.budget)
    run = last_run(options.output, options)
    if options.dry_run:
        _say_requests(run, options)
        return
    theirs = named(options.policy_of, options.kentik_percentage, run.source, options)
    with lock(options.output):
        check_reach(theirs, run.source, run.scope, options.output)
        labels = labels_of(run, options.truth, options.output)
        with cached(run.source, run.scope, options.output) as (source, asked):
            tried = candidates(run.findings.policy, options.vary or DEFAULT)
            if not options.quiet and looser(tried, run.findings.policy):
                console.note(
                    "some of these policies are looser than the run's: the additional data they need is requested once"
                )
            with console.bar("tune", options.quiet) as progress:
                history = History(source, survey(source, run.scope), run.scope.resolution, progress)
                found = tuned(history, run.findings.policy, options.vary, labels, budget, options.engine)
        _write(found, run, options.output)
        others = _others(found, theirs, run, options, labels)
    if not options.quiet and asked.sent:
        console.note(
            f"{asked.sent} requests for data that looser policies need and earlier runs did not read; the next such "
            "tune sends none"
        )
    if options.as_json:
        told = document(found, asked.sent) | {"elsewhere": [ELSEWHERE.document(one) for one in others]}
        click.echo(json.dumps(told, indent=1))
    elif not options.quiet:
        click.echo(text(found, console.width()), nl=False)
        click.echo(
            "".join(f"{line}\n" for line in ("", *elsewhere(others, console.width()))) if others else "", nl=False
        )


def _others(
    found: Tuned, theirs: Theirs, run: LastRun, options: TuneOptions, labels: Sequence[Label] | None
) -> list[OtherPolicy]:
    """Policies of other engines, and beside them the present and the recommended one."""
    from analyzer.elsewhere.beside import with_ours
    from analyzer.report.table import ELSEWHERE, remove
    from traffic.disk import write_atomic

    file = options.output / f"tuning.{ELSEWHERE.file}"
    if not theirs.policies:
        remove(file)
        return []
    policy = run.findings.policy
    judged = beside(theirs, run.source, run.scope, options.output, labels, policy, quiet=options.quiet)[0]
    rows = with_ours(judged, found, len(run.findings.keys))
    write_atomic(file, ELSEWHERE.encode(rows))
    return rows


def _say_requests(run: LastRun, options: TuneOptions) -> None:
    """What a sweep would ask for."""
    from analyzer.again import cached
    from analyzer.history import History
    from analyzer.pipeline import survey
    from analyzer.tuning.grid import DEFAULT, candidates
    from analyzer.tuning.sweep import unanswered
    from traffic.disk import lock

    if options.engine != "discover":
        raise UsageFailure(f"--dry-run cannot estimate what --as {options.engine} needs: leave one of them out")
    if options.policy_of:
        raise UsageFailure("--dry-run cannot estimate what --policy-of needs: leave one of them out")
    tried = candidates(run.findings.policy, options.vary or DEFAULT)
    with lock(options.output), cached(run.source, run.scope, options.output) as (source, asked):
        resolution, surveyed = run.scope.resolution, survey(source, run.scope)
        with console.bar("tune", options.quiet) as progress:
            queries, hours = unanswered(History(source, surveyed, resolution, progress), tried)
        requests = len(asked.requests(queries, hours and asked.rolls_up(resolution)))
    if options.as_json:
        click.echo(json.dumps({"policies": len(tried), "requests": requests, "at_least": hours}, indent=1))
    else:
        more = "at least " if hours else ""
        click.echo(f"{len(tried):,} policies: {more}{requests:,} requests for data that earlier runs did not read")


def _budget(said: str) -> float:
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(?:/\s*(week|w|day|d))?\s*", said)
    if match is None:
        raise UsageFailure(f"--budget {said!r}: write alerts a week or a day, as 3/week or 1/day")
    return float(match[1]) * (7 if (match[2] or "week").startswith("d") else 1)


def _write(found: Tuned, run: LastRun, output: Path) -> None:
    from analyzer.report.chart.front import FrontPicture
    from analyzer.report.table import remove
    from analyzer.tuning.policy_file import CALENDAR, POLICY, policy_files
    from analyzer.tuning.sizes import SMALLEST
    from analyzer.tuning.table import TUNING, rows
    from traffic.disk import write_atomic

    write_atomic(output / TUNING.file, TUNING.encode(rows(found)))
    for name in (POLICY, CALENDAR, PICTURE, SMALLEST.file):
        remove(output / name)
    if found.incidents:
        picture = FrontPicture(
            points=[point for one in found.scores if (point := found.point(one))],
            front=[point for one in found.front if (point := found.point(one))],
            present=found.point(found.present) or (0.0, 0.0),
            chosen=None if found.chosen is None else found.point(found.chosen),
            incidents=found.incidents,
            title=f"{len(found.scores):,} policies on the same history",
        )
        write_atomic(output / PICTURE, picture.png())
    if found.sizes:
        write_atomic(
            output / SMALLEST.file, SMALLEST.encode(found.sizes.get("recommended", found.sizes["present"]).series)
        )
    if found.chosen is not None:
        words = f"Written by ./sl.py tune, of {len(found.scores)} policies: {found.chosen.candidate.words}"
        for name, content in policy_files(found.chosen.candidate.policy, run.findings.metric, words).items():
            write_atomic(output / name, content)
