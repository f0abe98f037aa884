"""What the fields of a log mean, recognised from their names in common layouts. Pure.

Known are the JSON and ECS lines of `./sl.py logs`, the six fields of a web-traffic index (timestamp, ip, method,
endpoint, response_code, response_time), Apache's combined format, and what resembles them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from traffic.errors import UsageFailure
from traffic.model import Statistic
from traffic.store.columns import Columns
from traffic.store.log_levels import ERROR_LEVELS
from traffic.store.log_names import NAMES, candidates
from traffic.store.log_units import Unit, unit_of_name

__all__ = ["ERROR_LEVELS", "ERROR_STATUS", "PRESETS", "ROLES", "SERIES", "SERIES_MOST", "LogFields", "Preset"]

ERROR_STATUS = 500
"""A line with this status or a higher one is an error, and so is one with an error level (`log_levels`)."""
NO_ERRORS = "no line counts as an error: if some are, define errors with --errors"
"""Note on a log without known errors."""
SERIES_MOST = 5_000
"""Maximum number of series if the user did not name the field that identifies them."""


@dataclass(frozen=True)
class LogFields:
    """The field for each role; None if there is none."""

    time: str | None = None
    service: str | None = None
    endpoint: str | None = None
    method: str | None = None
    status: str | None = None
    level: str | None = None
    latency: str | None = None
    address: str | None = None
    host: str | None = None
    """The virtual host of the request, or else the machine."""
    agent: str | None = None
    referrer: str | None = None
    bytes: str | None = None
    unit: Unit = field(default=Unit("ms", "by default"), metadata={"role": False})
    """The unit of the latency, as far as names determine it."""

    @property
    def milliseconds(self) -> float:
        """Factor that converts a latency to milliseconds."""
        return self.unit.milliseconds


ROLES = tuple(one.name for one in fields(LogFields) if one.metadata.get("role", True))
SERIES = ("service", "host", "endpoint")
"""Roles that can identify series; the first that a log has is used."""


def recognise(names: Collection[str] | Mapping[str, str]) -> LogFields:
    """What the fields mean.

    Args:
        names: of the fields; or name -> the field that is read for it, where these differ (`path`, `path.keyword`).
    """
    read = names if isinstance(names, Mapping) else {name: name for name in names}
    found: dict[str, Any] = {role: next(iter(candidates(role, read)), None) for role in NAMES}
    return _measured(LogFields(**found), read)


def renamed(recognised: LogFields, said: Mapping[str, str]) -> LogFields:
    """With the fields that the user named: role -> field, empty if the log has none for that role."""
    named: dict[str, Any] = {role: field or None for role, field in said.items()}
    return _measured(replace(recognised, **named), ())


def _measured(known: LogFields, names: Collection[str]) -> LogFields:
    """With the unit of its latency, if a name determines it."""
    unit = None if known.latency is None else unit_of_name(known.latency, names)
    return known if unit is None else replace(known, unit=unit)


@dataclass(frozen=True)
class Preset:
    """The meaning of a name of --metric."""

    statistic: Statistic
    unit: str
    shows_in: str
    """What a list of incidents calls it."""
    scale: float = 1.0
    errors: bool = False
    """Whether it needs to know which lines are errors."""
    latency: bool = False
    """Whether it reads response times."""


PRESETS: Mapping[str, Preset] = {
    "requests": Preset("count", "requests", "requests"),
    "errors": Preset("count", "errors", "errors", errors=True),
    "error-share": Preset("share", "%", "errors", 100.0, errors=True),
    "latency": Preset("avg", "ms", "latency", latency=True),
    "latency-p95": Preset("p95", "ms", "latency", latency=True),
}
"""The values of --metric."""


def understood(said: Columns, known: LogFields, name: str) -> Columns:
    """The columns as specified, completed with what --metric implies.

    Args:
        said: the columns as specified by options.
        known: what the fields of the log mean.
        name: of the log, for messages.

    Raises:
        UsageFailure: the log has no such field, or options contradict each other.
    """
    if said.preset is not None:
        return _with_preset(said, known, name)
    check_errors(said)
    return said


def check_errors(said: Columns) -> None:
    """Check the options about errors.

    Raises:
        UsageFailure: they contradict each other.
    """
    if said.statistic == "share" and said.errors is None:
        raise UsageFailure("--statistic share is the share of errors: define errors with --errors")
    if said.errors is not None and (said.statistic not in ("share", "count") or said.value is not None):
        raise UsageFailure("--errors is for --statistic share or count, without --value")
    if said.step is not None and said.statistic == "share":
        raise UsageFailure("--document-step is for one value per step, which has no share: leave it out")


def errors_told(known: LogFields) -> str | None:
    """How these fields determine errors, in words; None if they do not."""
    told = [f"status >= {ERROR_STATUS} ({known.status})"] if known.status else []
    told += [f"level ERROR, CRITICAL, FATAL and the like ({known.level})"] if known.level else []
    return ", ".join(told) or None


def asks_errors(said: Columns) -> bool:
    """Whether it must be known which lines are errors, and the user did not say which."""
    return said.preset is not None and PRESETS[said.preset].errors and said.errors is None


def check_preset(said: Columns) -> Preset:
    """What --metric stands for.

    Raises:
        UsageFailure: what was said contradicts it.
    """
    assert said.preset is not None
    preset = PRESETS[said.preset]
    if said.statistic not in (None, preset.statistic):
        raise UsageFailure(f"--metric {said.preset} always uses {preset.statistic}: leave out --statistic")
    if said.value is not None and not preset.latency:
        raise UsageFailure(f"--metric {said.preset} counts lines and uses no value: leave out --value")
    if said.wide or said.step is not None:
        raise UsageFailure(f"--metric {said.preset} is computed from log lines: leave out --wide and --document-step")
    if said.missing is not None:
        raise UsageFailure(f"--metric {said.preset} does not use --missing: select lines with --where")
    if said.errors is not None and not preset.errors:
        raise UsageFailure(f"--metric {said.preset} does not use errors: leave out --errors")
    return preset


def _with_preset(said: Columns, known: LogFields, name: str) -> Columns:
    preset = check_preset(said)
    key = said.key or next((field for role in SERIES if (field := getattr(known, role)) is not None), None)
    if said.key in SERIES:
        # The role, or the field of that name: if a log has both, they are the same.
        key = getattr(known, said.key) or said.key
    value = (said.value or known.latency) if preset.latency else None
    missing = {
        "--time": (said.time or known.time) is None,
        "--key": key is None,
        "--value": preset.latency and value is None,
        "--errors": preset.errors and said.errors is None and known.status is None and known.level is None,
    }
    if any(missing.values()):
        options = " and ".join(option for option, is_missing in missing.items() if is_missing)
        raise UsageFailure(f"{name} has no recognised field for --metric {said.preset}: specify it with {options}")
    milliseconds = known.milliseconds if said.value in (None, known.latency) else 1.0
    return replace(
        said,
        time=said.time or known.time,
        key=key,
        value=value,
        statistic=preset.statistic,
        unit=said.unit or preset.unit,
        scale=said.scale * preset.scale * (milliseconds if preset.latency else 1.0),
    )


def roles(known: LogFields) -> dict[str, str]:
    """Role -> field, for the roles that have one."""
    return {role: field for role in ROLES if (field := getattr(known, role)) is not None}
