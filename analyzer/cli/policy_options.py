"""The options of `discover` that override settings of the policy; they have the names of the settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from traffic import options as shared

_POLICY = (
    click.option(
        "--policy",
        "policy_file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Policy file.  [default: input/policy.yaml]",
    ),
    click.option(
        "--over-percent",
        "--threshold",
        cls=shared.Aliased,
        type=float,
        help="Percentage above the baseline at which the threshold lies; 200 means three times the baseline.",
    ),
    click.option(
        "--over-units",
        type=float,
        help="Minimum distance of the threshold from the baseline, in the metric's unit; with --over-percent 0 the "
        "only criterion.",
    ),
    click.option("--matches", type=int, help="Buckets above the threshold that open an event ..."),
    click.option("--within", help="... within this time."),
    click.option("--floor", type=float, help="Lower bound of the threshold."),
    click.option("--merge", help="Breaches less than this apart belong to the same event."),
    click.option(
        "--percentile", type=float, help="Percentile of the other weeks' hourly p95s that becomes the baseline."
    ),
    click.option(
        "--rollup-percentile", type=float, help="Percentile of an hour's buckets to learn from.  [default: 95]"
    ),
    click.option(
        "--rollup-width", help="Width of a roll-up; above 1h it is the same percentile of its hours.  [default: 1h]"
    ),
    click.option(
        "--slots",
        type=click.Choice(["week", "workdays", "day"]),
        help="Compare with the same hour of the week, of the day (weekends apart), or of any day.  [default: week]",
    ),
    click.option(
        "--baseline",
        type=click.Choice(["retrospective", "trailing", "original"]),
        help="Learn from all other weeks, from earlier weeks only (as a live alert would), or from all weeks including "
        "its own.",
    ),
    click.option(
        "--timezone", metavar="ZONE", help="Time zone of the hours of the week, such as Europe/Berlin.  [default: UTC]"
    ),
    click.option(
        "--calendar",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE|REGION",
        help="Holidays and maintenance windows that are not judged, not learned from, or treated as Sundays: a CSV "
        "(start,end,what,key,note), an .ics file, or the holidays of a region (DE-BY, US).",
    ),
    click.option("--direction", type=click.Choice(["above", "below", "both"]), help="Look for rises, falls, or both."),
    click.option(
        "--classes",
        metavar="CLASS,...",
        help="Classes of events to report: policy, unusual, new, suspect.  [default: all]",
    ),
    click.option("--min-weeks", type=int, help="Judge only hours with at least this many other weeks to compare with."),
    click.option(
        "--without",
        multiple=True,
        metavar="RULE",
        help="Disable a rule (--help-all lists them); can be repeated. `all` leaves the plain policy.",
    ),
)


def policy_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options, in the order of the help."""
    for option in reversed(_POLICY):
        command = option(command)
    return command
