"""How the lines of a log are taken apart: told from the first of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from traffic.store.files.log.frames import FRAMES, frames_of, names_programs
from traffic.store.files.patterns import PATTERNS, TEXTS, Pattern, format_of, text_format_of

Path_ = tuple[str, ...]
Kind = Literal["pattern", "json", "w3c", "logfmt", "framed", "table"]

_ENOUGH = 0.5
_FIRST = 400
_DEPTH = 2
_OBJECTS = 60
PAIR = r'(?:^|\s)([A-Za-z_@][\w.@-]*)=("(?:[^"\\]|\\.)*"|\S*)'
"""A name and what it is, as logfmt writes them."""
_W3C = re.compile(r"^#Fields:\s*(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Reading:
    """How lines are read."""

    kind: Kind
    pattern: str = ""
    """Of `patterns.PATTERNS` or `patterns.TEXTS`."""
    frame: str = ""
    """Of `frames.FRAMES`: what the lines are wrapped in."""
    fields: tuple[str, ...] = ()
    """Of the W3C format, in order."""
    tabs: bool = False
    """Whether these are separated by tabs."""
    array: Literal["", "array", "unstructured"] = ""
    """Where JSON objects do not stand one a line: as DuckDB calls how they do."""
    objects: tuple[tuple[str, ...], ...] = field(default=(), repr=False, compare=False)
    """Paths of the objects in the JSON objects of the first lines ..."""
    scalars: tuple[tuple[str, ...], ...] = field(default=(), repr=False, compare=False)
    """... and of all else that is in them."""

    @property
    def lines(self) -> Pattern:
        """The pattern of the lines."""
        return PATTERNS.get(self.pattern) or TEXTS[self.pattern]

    @property
    def goes_on(self) -> bool:
        """Whether lines may go on with what the one before them says."""
        return self.pattern in TEXTS

    @property
    def title(self) -> str:
        """What people call it."""
        names = {"json": "JSON", "w3c": "W3C extended log", "logfmt": "logfmt", "framed": "", "table": "table"}
        inner = self.lines.title if self.pattern else names[self.kind]
        outer = FRAMES[self.frame].title if self.frame else ""
        return ", ".join(filter(None, (outer, inner)))


def reading_of(text: str) -> Reading | None:
    """How a log that begins with `text` is read; None where it is none that is known, but perhaps a table."""
    lines = [line.rstrip() for line in text.splitlines()[:_FIRST] if line.strip()]
    if (fields := _W3C.search(text)) is not None and lines[0].startswith("#"):
        return _w3c(fields[1], lines)
    if lines and lines[0].lstrip().startswith("[") and lines[0].strip()[1:2] in ("", "{"):
        return Reading("json", array="array")
    frames = list(frames_of(lines))
    for frame, inside in frames:
        inner = _inner(inside)
        # A string in JSON is the message of the line, unless it is itself a line of another format.
        if inner is not None and not (inner.goes_on and not FRAMES[frame].expression):
            return replace(inner, frame=frame)
    plain = _inner(lines)
    if plain is not None and not (plain.goes_on and names_programs(lines)):
        return plain
    for frame, _ in frames:
        if "framed.time" in FRAMES[frame].columns and FRAMES[frame].expression and frame != "timestamps":
            return Reading("framed", frame=frame)
    if lines and lines[0].strip() == "{":
        return Reading("json", array="unstructured")
    return None


def without_time(text: str) -> str:
    """Who put something before the lines of a log that begins with `text`, where no line says a time; '' otherwise."""
    lines = [line.rstrip() for line in text.splitlines()[:_FIRST] if line.strip()]
    timeless = (FRAMES[name] for name, _ in frames_of(lines) if name == "pods")
    return next((frame.title for frame in timeless), "")


def _inner(lines: Sequence[str]) -> Reading | None:
    if _share(line.startswith("{") and _is_object(line) for line in lines) >= _ENOUGH:
        objects, scalars = _members(lines)
        return Reading("json", objects=objects, scalars=scalars)
    if (pattern := format_of(lines)) is not None:
        return Reading("pattern", pattern)
    if (pattern := text_format_of(lines)) is not None:
        return Reading("pattern", pattern)
    if _share(len(re.findall(PAIR, line)) >= 3 for line in lines) >= _ENOUGH:
        return Reading("logfmt")
    return None


def _w3c(fields: str, lines: Sequence[str]) -> Reading:
    first = next((line for line in lines if not line.startswith("#")), fields)
    return Reading("w3c", fields=tuple(fields.split()), tabs="\t" in first)


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _members(lines: Sequence[str]) -> tuple[tuple[Path_, ...], tuple[Path_, ...]]:
    """Paths of the objects in objects, to a depth of three, and of all else in them."""
    objects: dict[Path_, None] = {}
    scalars: dict[Path_, None] = {}

    def look(value: Mapping[str, object], above: Path_) -> None:
        for name, member in value.items():
            path = (*above, name)
            if not isinstance(member, dict):
                scalars[path] = None
            elif len(above) <= _DEPTH:
                objects[path] = None
                look(member, path)

    for line in lines:
        if line.startswith("{") and _is_object(line):
            look(json.loads(line), ())
    return tuple(objects)[:_OBJECTS], tuple(path for path in scalars if path not in objects)


def _share(found: Iterable[bool]) -> float:
    every = list(found)
    return sum(every) / len(every) if every else 0.0
