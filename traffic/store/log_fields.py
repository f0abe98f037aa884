"""What the fields of a log mean: told from their names, for the layouts that are usual. Pure.

Known are the JSON and ECS lines of `./sl.py logs`, the six fields of a web-traffic index (timestamp, ip, method,
endpoint, response_code, response_time), Apache's combined format, and what resembles them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace

from traffic.errors import UsageFailure
from traffic.model import Statistic
from traffic.store.base import Columns

ERROR_LEVELS = ("ERROR", "CRITICAL", "FATAL")
"""A line of one of these levels is an error, in whatever case it is written; so is a status of 500 and more."""
ERROR_STATUS = 500

_NAMES: Mapping[str, tuple[str, ...]] = {
    "time": ("@timestamp", "timestamp", "time", "datetime", "date", "ts"),
    "service": ("service.name", "service", "application", "app", "vhost"),
    "endpoint": ("url.path", "endpoint", "path", "uri", "url", "request_path"),
    "method": ("http.request.method", "method", "verb", "request_method"),
    "status": ("http.response.status_code", "status_code", "response_code", "status", "code"),
    "level": ("log.level", "level", "severity", "loglevel"),
    "latency": ("event.duration", "response_time_ms", "response_time", "duration_ms", "latency_ms", "latency"),
    "address": ("client.ip", "source.ip", "ip_address", "ip", "remote_addr", "clientip"),
}
_NANOSECONDS = {"event.duration"}
"""ECS counts these; any other latency is taken for milliseconds."""


@dataclass(frozen=True)
class LogFields:
    """Which field says what of a line; None where there is none."""

    time: str | None = None
    service: str | None = None
    endpoint: str | None = None
    method: str | None = None
    status: str | None = None
    level: str | None = None
    latency: str | None = None
    address: str | None = None

    @property
    def milliseconds(self) -> float:
        """What a latency is multiplied with."""
        return 1e-6 if self.latency in _NANOSECONDS else 1.0


ROLES = tuple(field.name for field in fields(LogFields))


def recognise(names: Collection[str] | Mapping[str, str]) -> LogFields:
    """What the fields mean.

    Args:
        names: of the fields; or name -> the field that is read for it, where these differ (`path`, `path.keyword`).
    """
    read = names if isinstance(names, Mapping) else {name: name for name in names}
    found = {role: next((name for name in known if name in read), None) for role, known in _NAMES.items()}
    return LogFields(**{role: None if name is None else read[name] for role, name in found.items()})


def renamed(recognised: LogFields, said: Mapping[str, str]) -> LogFields:
    """With what a person said: role -> field, or nothing where the log has none that is meant."""
    return replace(recognised, **{role: field or None for role, field in said.items()})


@dataclass(frozen=True)
class Preset:
    """What a name of --metric stands for."""

    statistic: Statistic
    unit: str
    shows_in: str
    """What a list of incidents calls it."""
    scale: float = 1.0
    errors: bool = False
    """Whether it asks which lines are errors."""
    latency: bool = False
    """Whether it reads how long a request took."""


PRESETS: Mapping[str, Preset] = {
    "requests": Preset("count", "requests", "requests"),
    "errors": Preset("count", "errors", "errors", errors=True),
    "error-share": Preset("share", "%", "errors", 100.0, errors=True),
    "latency": Preset("avg", "ms", "latency", latency=True),
    "latency-p95": Preset("p95", "ms", "latency", latency=True),
}
"""What --metric can be."""


def understood(said: Columns, known: LogFields, name: str) -> Columns:
    """What was said, with what --metric stands for filled in.

    Args:
        said: by options.
        known: what the fields of the log mean.
        name: of the log, for messages.

    Raises:
        UsageFailure: the log has no such field, or what was said contradicts itself.
    """
    if said.preset is not None:
        return _with_preset(said, PRESETS[said.preset], known, name)
    if said.statistic == "share" and said.errors is None:
        raise UsageFailure("--statistic share is the share of errors: say which lines are errors with --errors")
    if said.errors is not None and (said.statistic not in ("share", "count") or said.value is not None):
        raise UsageFailure("--errors is for --statistic share or count, without --value")
    if said.step is not None and said.statistic == "share":
        raise UsageFailure("--document-step is for one value a step, which has no share: leave it out")
    return said


def asks_errors(said: Columns) -> bool:
    """Whether it takes to know which lines are errors, and nobody said which."""
    return said.preset is not None and PRESETS[said.preset].errors and said.errors is None


def _with_preset(said: Columns, preset: Preset, known: LogFields, name: str) -> Columns:
    if said.statistic not in ("avg", preset.statistic):
        raise UsageFailure(f"--metric {said.preset} is made with {preset.statistic}: leave out --statistic")
    if said.value is not None and not preset.latency:
        raise UsageFailure(f"--metric {said.preset} counts lines and reads no value: leave out --value")
    if said.wide or said.step is not None:
        raise UsageFailure(f"--metric {said.preset} is made of log lines: leave out --wide and --document-step")
    if said.errors is not None and not preset.errors:
        raise UsageFailure(f"--metric {said.preset} asks for no errors: leave out --errors")
    key = said.key or known.service or known.endpoint
    if said.key in ("service", "endpoint"):
        # The role or the field of that name: where a log has both, they are the same.
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
        raise UsageFailure(f"{name} has no field that is known for --metric {said.preset}: name it with {options}")
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
    """Role -> field, of those that are there."""
    return {role: field for role in ROLES if (field := getattr(known, role)) is not None}
