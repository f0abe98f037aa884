"""`runs`: what was run in a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from traffic import options as shared
from traffic.errors import UsageFailure

TEXTS = {"at", "store", "policy"}
HEAD = ("run", "at", "store", "policy", "keys", "events", "hits", "misses", "false", "F1", "queries")


@click.command(short_help="List the runs of a folder, with policy and scores.", context_settings=shared.SETTINGS)
@shared.output
@click.option("--last", type=click.IntRange(1), metavar="N", help="Only the newest N runs.")
@shared.as_json
def runs(output: Path, last: int | None, as_json: bool) -> None:
    """List the runs in a folder with their stores, policies, events and scores.

    `discover` adds a document for each run to runs.json; --json prints the documents in full, with all settings.

    \b
    Examples:
      ./sl.py runs
      ./sl.py runs --last 1 --json
    """
    from analyzer.runs import RUNS
    from analyzer.runs import runs as found_in

    if not output.is_dir():
        raise UsageFailure(f"there is no folder {output}: pass the folder of your runs with --output")
    found = found_in(output)[-last if last else None :]
    if as_json:
        click.echo(json.dumps(found, indent=1))
    elif found:
        rows = [HEAD, *map(_row, found)]
        wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = [
                f"{cell:{'<' if name in TEXTS else '>'}{room}}"
                for cell, name, room in zip(row, HEAD, wide, strict=True)
            ]
            click.echo("  ".join(cells).rstrip())
    else:
        click.echo(f"no runs recorded in {output / RUNS}")


def _row(run: dict[str, Any]) -> tuple[str, ...]:
    from traffic.text import visible

    policy, counts, scores = run["policy"], run["counts"], run["scores"] or {}
    units = f" and {policy['over_units']:g}" if policy.get("over_units") else ""
    what = f"{policy['over_percent']:g} %{units}, {policy['matches']} in {policy['within'] // 60} min"
    figures = [scores.get(name) for name in ("hits", "misses", "false_alarms", "f1")]
    shown = ["-" if one is None else f"{one:.3f}" if isinstance(one, float) else f"{one:,}" for one in figures]
    sent = counts.get("queries", {}).get("sent", 0)
    store = visible(run["store"])
    short = store if len(store) <= 40 else f"...{store[-37:]}"
    return (
        str(run["run"]),
        run["at"],
        short,
        what,
        f"{counts['keys']:,}",
        f"{counts['events']:,}",
        *shown,
        f"{sent:,}",
    )
