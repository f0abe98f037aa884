"""`rules`: the policy of the last run as rules of another engine."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from analyzer.cli.last_run import labels_of, last_run
from traffic import console, store_options
from traffic import help as help_pages
from traffic import options as shared
from traffic.errors import UsageFailure

if TYPE_CHECKING:
    from analyzer.cli.last_run import LastRun
    from analyzer.history import History
    from analyzer.model import Policy
    from analyzer.tuning.forms.elastic import IndexFields
    from analyzer.tuning.forms.measured import Loss
    from analyzer.tuning.forms.prometheus import Gauge
    from analyzer.tuning.forms.slots import SlotLimits
    from analyzer.tuning.swept import Swept

FORMS = ("prometheus", "prometheus-thresholds", "elastalert", "kibana")


@dataclass(frozen=True, kw_only=True)
class RulesOptions(store_options.EntryOptions):
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
    cls=help_pages.Command, short_help="Write a policy as rules of another engine.", context_settings=shared.SETTINGS
)
@click.option(
    "--format", "form", type=click.Choice(FORMS), default=FORMS[0], show_default=True, help="Format of the rules."
)
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Settings of the policy, as policy.tuned.yaml.  [default: the policy of the last run]",
)
@click.option("--series", help="Name of the metric in the other engine.  [default: as here]")
@click.option("--scale", type=float, help="Factor that converts its samples to the policy's unit.  [default: as here]")
@click.option("--label", default="key", show_default=True, help="Label that identifies the series.")
@click.option(
    "--measure/--no-measure",
    default=True,
    show_default=True,
    help="Count the alerts that the rules raise on the last run's history, compared with discover.",
)
@click.option(
    "--file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Output file; accompanying files are written beside it as FILE.*. A folder for elastalert.  [default: stdout]",
)
@store_options.entry
@shared.output
@shared.quiet
def rules(**given: Any) -> None:
    """Write the policy of the last run, or another one, as rules of another engine.

    prometheus: recording rules for baseline and threshold and an alert on them (also for VictoriaMetrics), plus
    FILE.test.yml for promtool. prometheus-thresholds: all rules of the policy, as the thresholds of the coming week
    in FILE.prom. elastalert: one rule per series for ElastAlert 2. kibana: a rule in ES|QL, and FILE.ndjson for
    its lookup index (not tested on a server). The last two need a run on an index.

    No engine can express a whole policy: the head of the file lists what is lost, and how many alerts result on the
    history of the last run. Data that this needs and earlier runs did not read is requested once.

    \b
    Examples:
      ./sl.py rules --series interface_bits --label interface --file sl-rules.yml
      ./sl.py rules --policy output/policy.tuned.yaml
      ./sl.py rules --format prometheus-thresholds --file sl-rules.yml
    """
    from analyzer.judging.policy import read_policy
    from analyzer.tuning.forms.firing import check_rises
    from traffic.disk import make_folder, write_atomic

    options = RulesOptions(**given)
    run = last_run(options.output, options)
    policy = run.findings.policy
    if options.policy_file is not None:
        policy = read_policy(options.policy_file, run.findings.metric, {})
    check_rises(policy)
    files = _WRITTEN[options.form](run, policy, options)
    if options.form == "elastalert":
        folder = options.file
        assert folder is not None
        make_folder(folder)
        for name, text in files.items():
            write_atomic(folder / name, text.encode())
        return
    if options.file is None:
        click.echo(files[""], nl=False)
        return
    for ending, text in files.items():
        write_atomic(options.file.with_name(options.file.name + ending) if ending else options.file, text.encode())


def _prometheus(run: LastRun, policy: Policy, options: RulesOptions) -> Mapping[str, str]:
    """The files, by what their names have more than that of the rules."""
    from analyzer.tuning.forms.firing import fired
    from analyzer.tuning.forms.prometheus import check_sayable, prometheus_rules, prometheus_test

    check_sayable(policy)
    gauge, metric, resolution = _gauge(run, options), run.findings.metric, run.findings.resolution

    def raised(history: History) -> Swept:
        return fired(history, [policy], frozenset(history.surveyed.spans))[0]

    loss = _measured(run, policy, options, raised) if options.measure else None
    text = prometheus_rules(policy, metric, resolution, gauge, loss)
    if options.file is None:
        return {"": text}
    return {"": text, ".test.yml": prometheus_test(policy, resolution, gauge, options.file.name)}


def _thresholds(run: LastRun, policy: Policy, options: RulesOptions) -> Mapping[str, str]:
    """The same of rules and thresholds."""
    from analyzer.tuning.forms.thresholds import open_metrics, threshold_rules

    if options.file is None:
        raise UsageFailure("rules: add --file: the thresholds are written to a second file beside it")
    gauge, metric, resolution = _gauge(run, options), run.findings.metric, run.findings.resolution
    limits, loss = _by_slot(run, policy, options, lambda one: one)
    text = threshold_rules(policy, metric, resolution, gauge, run.findings.window, limits, loss)
    return {"": text, ".prom": open_metrics(limits, gauge)}


def _elastalert(run: LastRun, policy: Policy, options: RulesOptions) -> Mapping[str, str]:
    """The rules, by the names of their files."""
    from analyzer.tuning.forms.elastic import elastalert_rules, flat

    fields = _fields(run, options)
    if options.file is None:
        raise UsageFailure("rules: add --file with a folder: one rule per series is written there")
    # A single bucket raises it, so what is usual for a key is learned from single buckets.
    limits, loss = _by_slot(run, policy, options, flat, replace(policy, matches=1))
    return elastalert_rules(policy, run.findings.resolution, fields, limits, loss)


def _kibana(run: LastRun, policy: Policy, options: RulesOptions) -> Mapping[str, str]:
    """The rule, and the documents of the lookup index."""
    from analyzer.tuning.forms.elastic import first_way, kibana_rule, lookup_index

    fields = _fields(run, options)
    limits, loss = _by_slot(run, policy, options, first_way)
    rule = kibana_rule(policy, run.findings.resolution, fields, run.findings.window.end, limits, loss)
    return {"": json.dumps(rule, indent=1) + "\n", ".ndjson": lookup_index(limits)}


_WRITTEN: Mapping[str, Callable[[LastRun, Policy, RulesOptions], Mapping[str, str]]] = {
    "prometheus": _prometheus,
    "prometheus-thresholds": _thresholds,
    "elastalert": _elastalert,
    "kibana": _kibana,
}


def _fields(run: LastRun, options: RulesOptions) -> IndexFields:
    """How what was judged is called in the index that the run read."""
    from analyzer.tuning.forms.elastic import IndexFields
    from traffic.store.kinds import ELASTIC, kind_of

    if kind_of(run.source.name) is not ELASTIC:
        raise UsageFailure(
            f"rules: --format {options.form} needs a run on an index; the last run was on {run.source.name}"
        )
    said = run.settings
    key = said.get("key_column") or (None if options.label == "key" else options.label)
    if key is None:
        raise UsageFailure("rules: add --label with the field that identifies the series")
    index = run.source.name.rstrip("/").rpartition("/")[2]
    fields = IndexFields(index, said.get("time_column") or "@timestamp", key, run.findings.metric)
    return replace(fields, metric=replace(fields.metric, field=options.series or fields.metric.field))


def _gauge(run: LastRun, options: RulesOptions) -> Gauge:
    """How what was judged is called in Prometheus, as far as the run knows."""
    from analyzer.tuning.forms.prometheus import Gauge

    metric, series, scale = run.findings.metric, options.series, 1.0
    if run.source.name.startswith("prometheus:"):
        scale = metric.factor(run.findings.resolution)
        if series is None and (run.settings.get("counter") or run.settings.get("statistic") == "rate"):
            raise UsageFailure(
                f"rules: {metric.field} is a counter, and rules need a gauge: record its rate and pass that series "
                "with --series"
            )
        series = series or run.settings.get("value_column") or f"sl_{re.sub('[^a-zA-Z0-9]', '_', metric.field)}"
    series = series or re.sub(r"[^a-zA-Z0-9_:]", "_", metric.name or "value")
    return Gauge(series, options.label, scale if options.scale is None else options.scale)


@contextmanager
def _history(run: LastRun, options: RulesOptions) -> Iterator[History]:
    """That of the run, open."""
    from analyzer.again import cached
    from analyzer.history import History
    from analyzer.pipeline import survey
    from traffic.disk import lock

    with lock(options.output), cached(run.source, run.scope, options.output) as (source, asked):
        surveyed = survey(source, run.scope)
        with console.bar("rules", options.quiet) as progress:
            yield History(source, surveyed, run.scope.resolution, progress)
    if not options.quiet and asked.sent:
        console.note(f"{asked.sent} requests for data that the rules need and earlier runs did not read")


def _by_slot(
    run: LastRun,
    policy: Policy,
    options: RulesOptions,
    made: Callable[[SlotLimits], SlotLimits],
    raised_by: Policy | None = None,
) -> tuple[list[SlotLimits], Loss | None]:
    """The limits of the coming week, and what they raise as a form has made them.

    Args:
        raised_by: the policy that decides when an alert opens there, where it is another one.
    """
    from analyzer.tuning.forms.slots import Footing, fired_by_slot, learned

    with _history(run, options) as history:
        limits = list(learned(history, raised_by or policy))
    footing = Footing.of(limits)
    if footing.bare == footing.hours:
        raise UsageFailure(
            "rules: no hour of the week has a threshold: the history of the last run is shorter than the policy needs "
            f"(min_weeks {policy.min_weeks})"
        )
    for line in footing.lines() if not options.quiet else ():
        console.note(line.rstrip("."))

    def raised(history: History) -> Swept:
        return fired_by_slot(history, raised_by or policy, [made(one) for one in limits])

    return limits, _measured(run, policy, options, raised) if options.measure else None


def _measured(run: LastRun, policy: Policy, options: RulesOptions, raised: Callable[[History], Swept]) -> Loss:
    """What a form raises against discover."""
    from analyzer.tuning.candidate import Candidate
    from analyzer.tuning.forms.measured import loss_of
    from analyzer.tuning.score import score
    from analyzer.tuning.tried import tried
    from analyzer.tuning.truth import LabelArrays

    one = Candidate(policy)
    labels = labels_of(run, None, options.output)
    with _history(run, options) as history:
        surveyed = history.surveyed
        ours = tried(history, [one], labels)[0]
        theirs = raised(history)
        scores = None
        if labels is not None:
            truth = LabelArrays(labels, surveyed, history.resolution)
            scores = (ours.score, score(one, theirs, surveyed, truth, history.source.metric.name))
    return loss_of(ours.raised, theirs, surveyed.window, len(surveyed.spans), scores)
