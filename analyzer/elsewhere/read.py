"""Policies of other engines, from a file or from `static=5G`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from analyzer.elsewhere.elastalert import elastalert_rule
from analyzer.elsewhere.kentik import kentik_policies
from analyzer.elsewhere.policy import Elsewhere, Percentage
from analyzer.elsewhere.static import static_policy
from traffic.config import content_of, mapping
from traffic.errors import UsageFailure
from traffic.model import Metric

STATIC = "static="
_LARGEST = 16 << 20
_FORMS = "a policy of Kentik (.json), a rule of ElastAlert (.yaml), static=5G, or kentik:policies"


def policies(named: str, metric: Metric, percentage: Percentage) -> Sequence[Elsewhere]:
    """The policies that `--policy-of` names, except those of an account.

    Args:
        metric: what is looked at here.
        percentage: whether a percentage of Kentik is added to the baseline or taken of it.

    Raises:
        UsageFailure: it is not in one of the known forms, or not valid.
        StorageFailure: the file cannot be read.
    """
    if named.startswith(STATIC):
        return [static_policy(named.removeprefix(STATIC))]
    path = Path(named)
    if path.suffix.lower() in (".yaml", ".yml"):
        return [elastalert_rule(mapping(path), str(path), metric)]
    if path.suffix.lower() != ".json":
        there = "" if path.exists() else "file not found, and "
        raise UsageFailure(f"--policy-of {named}: {there}it is not a known policy: use {_FORMS}")
    return kentik_policies(_json(path), str(path), metric, percentage)


def _json(path: Path) -> Any:
    content = content_of(path, _LARGEST, "JSON", "policy", said="--policy-of ")
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UsageFailure(f"--policy-of {path}: this is not JSON ({error!s:.80})") from None
