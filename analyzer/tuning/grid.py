"""Which policies are tried: all combinations of the values of several settings."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from itertools import product
from typing import Any, get_args

from analyzer.judging.policy import check_policy, classes_of
from analyzer.model import CLASSES, RULES, Baseline, Policy
from analyzer.tuning.candidate import ALERTS, Candidate
from traffic.errors import UsageFailure
from traffic.times import duration

MOST = 5000
"""Maximum number of policies in one sweep."""

DEFAULT = (
    "over-percent=100,125,150,200,250,300,400,500,700,1000",
    "matches=1,2,3,5,8",
    "percentile=50,75",
    "baseline=retrospective,trailing",
)
"""200 policies, the default one among them."""

_NUMBERS: Mapping[str, Callable[[str], float]] = {
    "over-percent": float,
    "over-units": float,
    "percentile": float,
    "floor": float,
    "rare-weeks": float,
    "under-percent": float,
    "matches": int,
    "lookback": int,
    "min-weeks": int,
    "within": duration,
    "merge": duration,
}
NAMES = (*_NUMBERS, "baseline", "rules", "classes")


def candidates(present: Policy, vary: Sequence[str]) -> list[Candidate]:
    """All policies of a grid, preceded by the present one if it is not among them.

    Args:
        vary: `NAME=VALUES`, with commas between the values; numbers and times also as `50..400/25`.

    Raises:
        UsageFailure: a setting or a value is not valid, or there are too many combinations.
    """
    axes = [_axis(present, one) for one in vary]
    names = [name for name, _ in axes]
    for name in names:
        if names.count(name) > 1:
            raise UsageFailure(f"--vary {name} is given twice: list all its values in one option")
    count = math.prod(len(values) for _, values in axes)
    if count > MOST:
        raise UsageFailure(f"--vary makes {count:,} policies; the limit is {MOST:,}: use larger steps")
    found: dict[Policy, Candidate] = {}
    for chosen in product(*(values for _, values in axes)):
        policy = present
        for (name, _), (_, value) in zip(axes, chosen, strict=True):
            policy = replace(policy, **{name.replace("-", "_"): value})
        check_policy(policy)
        said = tuple((name, text) for (name, _), (text, _) in zip(axes, chosen, strict=True))
        found.setdefault(policy, Candidate(policy, said, policy.classes if "classes" in names else ALERTS))
    if not any(one.alerts_as(present) for one in found.values()):
        said = tuple((name, _said(present, name)) for name, _ in axes)
        return [Candidate(present, said), *found.values()]
    return list(found.values())


def looser(tried: Sequence[Candidate], present: Policy) -> bool:
    """Whether some of them may need days that the present one does not: all except those that are only stricter."""
    for policy in (one.policy for one in tried):
        asked = {"over_percent", "over_units", "floor", "rare_weeks"}
        less = any(getattr(policy, name) < getattr(present, name) for name in asked)
        alike = {name: getattr(present, name) for name in (*asked, "matches", "within", "merge")}
        if less or replace(policy, **alike) != present:
            return True
    return False


def _said(policy: Policy, name: str) -> str:
    value = getattr(policy, name.replace("-", "_"))
    if name == "rules":
        return "as it is"
    if name == "classes":
        return "+".join(ALERTS)
    if name in ("within", "merge"):
        return f"{value // 60}m" if value % 60 == 0 else f"{value}s"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _axis(present: Policy, text: str) -> tuple[str, list[tuple[str, Any]]]:
    name, parted, values = text.partition("=")
    name = name.strip().replace("_", "-")
    if not parted or not values.strip():
        raise UsageFailure(
            f"--vary {text!r}: write a setting and its values, such as over-percent=50..400/25 or matches=1,2,3"
        )
    if name not in NAMES:
        close = get_close_matches(name, NAMES, 1)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(NAMES)}"
        raise UsageFailure(f"--vary {name}: unknown setting; {hint}")
    found: list[tuple[str, Any]] = []
    for part in (one.strip() for one in values.split(",")):
        if name == "rules":
            found.append((part, _rules(present, part)))
        elif name == "classes":
            found.append((part, CLASSES if part == "all" else classes_of(part.split("+"))))
        elif name == "baseline":
            if part not in get_args(Baseline):
                raise UsageFailure(f"--vary baseline={part}: there are {', '.join(get_args(Baseline))}")
            found.append((part, part))
        else:
            found += _numbers(name, part)
    return name, found


def _numbers(name: str, part: str) -> list[tuple[str, Any]]:
    read = _NUMBERS[name]
    try:
        if ".." not in part:
            return [(part, read(part))]
        bounds, _, step_text = part.partition("/")
        first_text, _, last_text = bounds.partition("..")
        first, last, step = read(first_text), read(last_text), read(step_text)
    except ValueError:
        raise UsageFailure(f"--vary {name}={part}: not a number or a range such as 50..400/25") from None
    if not step > 0 or not first <= last < math.inf:
        raise UsageFailure(f"--vary {name}={part}: a range goes up in steps, such as 50..400/25")
    steps = (last - first) / step + 1e-9
    if steps >= MOST:
        raise UsageFailure(
            f"--vary {name}={part} makes {steps // 1 + 1:,.0f} policies; the limit is {MOST:,}: use larger steps"
        )
    count = int(steps) + 1
    values = [first + place * step for place in range(count)]
    unit = "s" if read is duration else ""
    return [(f"{value:g}{unit}", int(value) if read is not float else float(value)) for value in values]


def _rules(present: Policy, part: str) -> tuple[str, ...]:
    """`all`, `none`, `-tail` (those of the current policy without it), `level+idle`."""
    if part in ("all", "none"):
        return RULES if part == "all" else ()
    minus = part.startswith("-")
    named = [name for name in part.replace("-", "+").split("+") if name]
    for name in named:
        if name not in RULES:
            raise UsageFailure(f"--vary rules={part}: unknown rule {name!r}; use all, none, {', '.join(RULES)}")
    return tuple(name for name in RULES if (name in present.rules and name not in named if minus else name in named))
