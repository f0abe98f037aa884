"""`rules`: the policy of the last run as rules of another engine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from analyzer.cli.last_run import labels_of, last_run
from traffic import help as help_pages
from traffic import options as shared
from traffic.errors import UsageFailure

if TYPE_CHECKING:
    from analyzer.cli.last_run import LastRun
    from analyzer.model import Policy
    from analyzer.tuning.forms.measured import Loss
    from analyzer.tuning.forms.prometheus import Gauge


@dataclass(frozen=True, kw_only=True)
class RulesOptions(shared.EntryOptions):
    """What the command line says."""

    form: str
    policy_file: Path | None
    series: str | None
    scale: float | None
    label: str
    measure: bool
    file: Path | None
    output: Path
    quiet: bool


@click.command(
    cls=help_pages.Command, short_help="Write a policy as rules of Prometheus.", context_settings=shared.SETTINGS
)
@click.option(
    "--format", "form", type=click.Choice(["prometheus"]), default="prometheus", show_default=True, help="Of the rules."
)
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Settings of the policy, as policy.tuned.yaml.  [default: the policy of the last run]",
)
@click.option("--series", help="What the metric is called there.  [default: as here]")
@click.option(
    "--scale", type=float, help="What its samples are multiplied with to be in the policy's unit.  [default: as here]"
)
@click.option("--label", default="key", show_default=True, help="Which label tells series apart there.")
@click.option(
    "--measure/--no-measure",
    default=True,
    show_default=True,
    help="Count on the last run's history what the rules raise, against discover.",
)
@click.option(
    "--file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write here, and beside it FILE.test.yml, a test for promtool.  [default: stdout, without the test]",
)
@shared.entry
@shared.output
@shared.quiet
def rules(**given: Any) -> None:
    """Write the policy of the last run, or another one, as rules for Prometheus or VictoriaMetrics.

    Recording rules for baseline and threshold and an alert on them. Rules cannot say all of a policy: the head of the
    file says what it loses, and how many alerts that makes on the history of the last run. What it needs and earlier
    runs did not is asked for once.

    \b
    Examples:
      ./sl.py rules --series interface_bits --label interface --file sl-rules.yml
      ./sl.py rules --policy output/policy.tuned.yaml
    """
    from analyzer.judging.policy import read_policy
    from traffic.disk import write_atomic

    options = RulesOptions(**given)
    run = last_run(options.output, options)
    policy = run.findings.policy
    if options.policy_file is not None:
        policy = read_policy(options.policy_file, run.findings.metric, {})
    files = _prometheus(run, policy, options)
    if options.file is None:
        click.echo(files[""], nl=False)
        return
    for ending, text in files.items():
        write_atomic(options.file.with_name(options.file.name + ending) if ending else options.file, text.encode())


def _prometheus(run: LastRun, policy: Policy, options: RulesOptions) -> Mapping[str, str]:
    """The files, by what their names have more than that of the rules."""
    from analyzer.tuning.forms.prometheus import check_sayable, prometheus_rules, prometheus_test

    check_sayable(policy)
    named, metric, resolution = _named(run, options), run.findings.metric, run.findings.resolution
    loss = _measured(run, policy, options) if options.measure else None
    text = prometheus_rules(policy, metric, resolution, named, loss)
    if options.file is None:
        return {"": text}
    return {"": text, ".test.yml": prometheus_test(policy, resolution, named, options.file.name)}


def _named(run: LastRun, options: RulesOptions) -> Gauge:
    """How what was judged is called in Prometheus, as far as the run knows."""
    from analyzer.tuning.forms.prometheus import Gauge

    metric, series, scale = run.findings.metric, options.series, 1.0
    if run.source.name.startswith("prometheus:"):
        scale = metric.factor(run.findings.resolution)
        if series is None and (run.settings.get("counter") or run.settings.get("statistic") == "rate"):
            raise UsageFailure(
                f"rules: {metric.field} is a counter, and rules need a gauge: record its rate, and --series names it"
            )
        series = series or run.settings.get("value") or f"sl_{re.sub('[^a-zA-Z0-9]', '_', metric.field)}"
    series = series or re.sub(r"[^a-zA-Z0-9_:]", "_", metric.name or "value")
    return Gauge(series, options.label, scale if options.scale is None else options.scale)


def _measured(run: LastRun, policy: Policy, options: RulesOptions) -> Loss:
    from analyzer.again import cached
    from analyzer.pipeline import survey
    from analyzer.tuning.forms.measured import loss_of
    from analyzer.tuning.grid import Candidate
    from analyzer.tuning.tried import tried
    from traffic.disk import lock

    with lock(options.output), cached(run.source, run.scope, options.output) as (source, asked):
        labels, surveyed = labels_of(run, None, options.output), survey(source, run.scope)
        with shared.bar("rules", options.quiet) as progress:
            ours, theirs = (
                tried(source, surveyed, run.scope.resolution, [Candidate((), policy)], labels, progress, engine)[0]
                for engine in ("discover", "prometheus")
            )
    if not options.quiet and asked.sent:
        shared.note(f"{asked.sent} requests for what the rules look at and earlier runs did not")
    scores = None if labels is None else (ours.score, theirs.score)
    return loss_of(ours.raised, theirs.raised, surveyed.window, len(surveyed.spans), scores)
