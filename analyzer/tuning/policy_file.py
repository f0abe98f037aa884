"""A policy as the file that `discover --policy` takes."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

from analyzer.judging.calendar import COLUMNS
from analyzer.judging.policy import AS_THEY_ARE
from analyzer.model import RULES, Policy
from traffic.model import Metric

POLICY, CALENDAR = "policy.tuned.yaml", "policy.tuned.calendar.csv"


def policy_files(policy: Policy, metric: Metric, words: str) -> dict[str, bytes]:
    """The files of a policy, by name: its settings, and its calendar if it has one.

    Args:
        words: comment at the head of the settings.
    """
    lines = [f"# {line}" for line in words.splitlines()]
    lines += [f"{name}: {_text(getattr(policy, name))}" for name in AS_THEY_ARE]
    lines += [f"{name}: {getattr(policy, name)}s" for name in ("rollup_width", "within", "merge")]
    lines += [f"timezone: {json.dumps(policy.timezone)}", "floor:", f"  {json.dumps(metric.name)}: {policy.floor!r}"]
    lines += ["classes:", *(f"  - {name}" for name in policy.classes)]
    lines += ["rules:", *(f"  {name}: {_text(name in policy.rules)}" for name in RULES)]
    files: dict[str, bytes] = {}
    if policy.calendar:
        lines.append(f"calendar: {CALENDAR}")
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([row.start, row.end, row.what, row.key, row.note] for row in policy.calendar)
        files[CALENDAR] = table.getvalue().encode()
    if policy.of_keys:
        lines.append("keys:")
        for glob, said in policy.of_keys:
            lines += [f"  {json.dumps(glob)}:", *(f"    {line}" for line in _of_keys(dict(said)))]
    return {POLICY: ("\n".join(lines) + "\n").encode(), **files}


def _of_keys(said: Mapping[str, Any]) -> Iterator[str]:
    for name, value in said.items():
        if name == "rules":
            yield "rules:"
            yield from (f"  {rule}: {_text(rule in value)}" for rule in RULES)
        elif name in ("within", "merge", "rollup_width"):
            yield f"{name}: {value}s"
        else:
            yield f"{name}: {json.dumps(value) if isinstance(value, str) else _text(value)}"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)
