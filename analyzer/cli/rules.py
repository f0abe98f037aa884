"""`rules`: the policy of the last run as rules of another engine."""

from __future__ import annotations

import re
from pathlib import Path

import click

from analyzer.cli.last_run import check_run
from traffic import options as shared


@click.command(short_help="Write a policy as rules of Prometheus.", context_settings=shared.SETTINGS)
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
@click.option("--label", default="key", show_default=True, help="Which label tells series apart there.")
@click.option("--file", type=click.Path(path_type=Path, dir_okay=False), help="Write here.  [default: stdout]")
@shared.output
def rules(form: str, policy_file: Path | None, series: str | None, label: str, file: Path | None, output: Path) -> None:
    """Write the policy of the last run, or another one, as rules for Prometheus or VictoriaMetrics.

    Recording rules for baseline and threshold and an alert on them; the head of the file says what it loses against
    discover, because rules cannot say all of a policy.

    \b
    Examples:
      ./sl.py rules --series interface_bits --label interface --file sl-rules.yml
      ./sl.py rules --policy output/policy.tuned.yaml
    """
    from analyzer.judging.policy import read_policy
    from analyzer.report.saved import load
    from analyzer.tuning.prometheus import prometheus_rules
    from traffic.disk import write_atomic

    del form  # So far there is one.
    check_run(output)
    findings = load(output)
    policy = findings.policy if policy_file is None else read_policy(policy_file, findings.metric, {})
    name = series or re.sub(r"[^a-zA-Z0-9_:]", "_", findings.metric.name or "value")
    text = prometheus_rules(policy, findings.metric, findings.resolution, name, label)
    if file is None:
        click.echo(text, nl=False)
    else:
        write_atomic(file, text.encode())
