"""`static=5G`: a threshold without an engine behind it."""

from __future__ import annotations

import re

from analyzer.elsewhere.policy import Activation, Level, Operator, Static, Thresholds
from traffic.errors import UsageFailure
from traffic.times import duration

_VALUE = re.compile(r"\s*(>=|<=|>|<)?\s*(\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)\s*([kKMGTP]?)\s*")
_TIMES = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
_FORM = "write static=5G, or with settings static=5G,matches=2,within=10m,quiet=5m"


def static_policy(said: str) -> Thresholds:
    """The policy of `static=...`.

    Args:
        said: what follows `static=`: a value in the metric's unit with or without k, M, G, T, P (and `<` before
            it for traffic that falls below), then any of matches, within and quiet, with commas between.

    Raises:
        UsageFailure: it is not valid.
    """
    value, *more = said.split(",")
    match = _VALUE.fullmatch(value)
    if match is None:
        raise UsageFailure(f"--policy-of static={said}: {value!r} is not a valid value; {_FORM}")
    operators: dict[str | None, Operator] = {None: ">", ">": ">", ">=": ">=", "<": "<", "<=": "<="}
    limit = float(match[2]) * _TIMES[match[3]]
    matches, within, quiet = 1, 1, 0
    for setting in more:
        name, _, text = (part.strip() for part in setting.partition("="))
        if name == "matches" and text.isdecimal() and 1 <= int(text) <= 10_000:
            matches = int(text)
        elif name == "within":
            within = duration(text)
        elif name in ("quiet", "merge"):
            quiet = duration(text)
        else:
            raise UsageFailure(f"--policy-of static={said}: {setting!r} is not valid; {_FORM}")
    if matches > 1 and within == 1:
        raise UsageFailure(
            f"--policy-of static={said}: add the time within which {matches} matches count, such as within=10m"
        )
    level = Level("", (Static(operators[match[1]], limit),), Activation(matches, within, quiet))
    return Thresholds(engine="static", name=f"static={said}", levels=(level,), frequency=1)
