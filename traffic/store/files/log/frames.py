"""What collectors and kubectl put before a line: syslog, container runtimes, pods. Told by most of the first lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from traffic.store.log_levels import ERROR_LEVELS, OTHER_LEVELS

LINE = "line"
"""What is inside."""


@dataclass(frozen=True)
class Frame:
    """How a line is wrapped."""

    title: str
    expression: str
    """Its last group is what is inside; none where it is a member of a JSON object."""
    columns: tuple[str, ...]


_ISO = r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[-+]\d\d:?\d\d)"
# A pod and a container: of `kubectl logs --prefix` with a slash, of kubetail with a blank.
_POD = r"^\[(?:pod/)?([a-z][a-z0-9.-]*)[/ ]([a-z0-9][a-z0-9.-]*)\] "
FRAMES: Mapping[str, Frame] = {
    "cri": Frame("Kubernetes (CRI)", rf"^({_ISO}) (?:stdout|stderr) [FP] (.*)$", ("framed.time", LINE)),
    "pods, timestamps": Frame("kubectl", rf"{_POD}({_ISO}) (.*)$", ("hostname", "container_name", "framed.time", LINE)),
    "pods": Frame("kubectl", rf"{_POD}(.*)$", ("hostname", "container_name", LINE)),
    "docker": Frame("Docker", "", ("framed.time", LINE)),
    "message": Frame("a message in JSON", "", ("framed.time", LINE)),
    "compose": Frame("Docker Compose", r"^([\w.@-]+) +\| (.*)$", ("program", LINE)),
    "syslog": Frame(
        "syslog",
        r"^(?:<(\d+)>)?(\w\w\w [ \d]\d \d\d:\d\d:\d\d) (\S+) ([^\s:\[]+)(?:\[[^\]]*\])?: (.*)$",
        ("framed.pri", "framed.time", "hostname", "program", LINE),
    ),
    "syslog, ISO": Frame(
        "syslog",
        rf"^(?:<(\d+)>)?({_ISO}) (?:(\S+) )?([^\s:\[]+)(?:\[[^\]]*\])?: (.*)$",
        ("framed.pri", "framed.time", "hostname", "program", LINE),
    ),
    "syslog, RFC 5424": Frame(
        "syslog",
        rf"^<(\d+)>\d+ ({_ISO}|-) (\S+) (\S+) \S+ \S+ (?:-|(?:\[[^\]]*\])+) ?(.*)$",
        ("framed.pri", "framed.time", "hostname", "program", LINE),
    ),
    "timestamps": Frame("--timestamps", rf"^({_ISO}) (.*)$", ("framed.time", LINE)),
}

_MEMBERS = {"docker": "log", "message": "message"}
"""Frames that are JSON objects: which member is the line."""
_TIMES = ("time", "@timestamp", "timestamp", "date", "ts", "datetime", "_time", "@t")
"""What they call the time at which they took a line."""
_SOURCES = {
    "container_name": (
        *("$.service.name", "$.service", "$.kubernetes.container_name", "$.kubernetes.container.name"),
        *("$.container_name", "$.container.name", "$.app", "$.SYSLOG_IDENTIFIER"),
    ),
    "hostname": ("$.host.name", "$.host", "$.hostname", "$.kubernetes.pod_name", "$.kubernetes.pod.name"),
}
"""What they call those that wrote the line: read as fields of these names, which come after those of the line."""
_ENOUGH = 0.5
_PROGRAM = re.compile(rf"^(?:<\d+>)?{_ISO} ([\w.-]+) ([\w./-]+)\[\d+\]: ")


def frames_of(lines: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Which frames most of the lines have, and what is inside of these."""
    for name in FRAMES:
        inside = [found for line in lines if (found := _inside(name, line)) is not None]
        if lines and len(inside) >= _ENOUGH * len(lines):
            yield name, inside


def _text_at(path: str) -> str:
    """SQL of a member that is a text."""
    return f"CASE WHEN json_type(frame, '{path}') = 'VARCHAR' THEN json_extract_string(frame, '{path}') END"


def names_programs(lines: Sequence[str]) -> bool:
    """Whether most lines say which program of which host wrote them, as syslog does behind a time that is ISO 8601."""
    found = [match for line in lines if (match := _PROGRAM.match(line))]
    words = {part.upper() for match in found for part in match.groups()}
    return len(found) >= _ENOUGH * len(lines) > 0 and not words & {*ERROR_LEVELS, *OTHER_LEVELS}


def unframed(name: str, line: str) -> tuple[str, dict[str, str]]:
    """SQL of a struct `frame` of a line's parts, and column -> what it is in that struct."""
    frame = FRAMES[name]
    if name in _MEMBERS:
        times = ", ".join(f"json_extract_string(frame, '$.\"{member}\"')" for member in _TIMES)
        return f"CASE WHEN json_valid({line}) THEN {line} END", {
            "framed.time": f"coalesce({times})",
            **{name: f"coalesce({', '.join(map(_text_at, paths))})" for name, paths in _SOURCES.items()},
            LINE: f"rtrim(coalesce(json_extract_string(frame, '$.{_MEMBERS[name]}'), ''), chr(10) || chr(13))",
        }
    groups = ", ".join(f"'g{place}'" for place in range(len(frame.columns)))
    struct = f"regexp_extract({line}, '{frame.expression}', [{groups}])"
    members = {column: f"nullif(frame.g{place}, '')" for place, column in enumerate(frame.columns)}
    if "framed.pri" in members:
        # The lower three bits are the severity.
        members["syslog_severity"] = f"CAST(TRY_CAST({members.pop('framed.pri')} AS INTEGER) % 8 AS VARCHAR)"
    return struct, members


def _inside(name: str, line: str) -> str | None:
    if name in _MEMBERS:
        try:
            found = json.loads(line).get(_MEMBERS[name]) if line.startswith("{") else None
        except ValueError:
            return None
        return found.rstrip("\r\n") if isinstance(found, str) else None
    found = re.match(FRAMES[name].expression, line)
    return found.groups()[-1] if found else None
