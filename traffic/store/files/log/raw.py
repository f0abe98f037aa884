"""The fields of a log as they stand in its lines: which there are, and the SQL that reads some of them.

All lines are looked at for their fields, not the first ones: what begins late, or in the second file, is there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from traffic.errors import UsageFailure
from traffic.store.files.log.frames import LINE, unframed
from traffic.store.files.log.reading import PAIR, Reading
from traffic.store.files.patterns import CONTINUED, TIME, fields_of, lines_of
from traffic.store.files.table import FILE, text
from traffic.store.log_names import ROLE_OF, plain

Path_ = tuple[str, ...]
Ask = Callable[[str], list[tuple[Any, ...]]]
"""Asks a question about the lines: SQL with `lines` for the relation that has them in the column `line`."""

_MOST_SHAPES = 100_000
_WIDE = 60
"""Objects that are looked into at once, besides those of the first lines."""
_DEPTH = 4


@dataclass(frozen=True)
class Raw:
    """Lines of one format."""

    relation: str
    """SQL of a relation of all lines that say something."""
    fields: Mapping[str, str]
    """Field -> SQL of its text."""
    understood: str
    """SQL: whether a line has the format."""
    lists: tuple[str, ...] = ()
    """Members of JSON objects that are taken out in one go, for `fields` to number: their paths."""
    whole: str = "line"
    """SQL of a line with its frame."""

    def select(self, names: Sequence[str], lines: bool) -> str:
        """SQL of a row a line: c0, c1 ... the fields `names`, `understood`, and the `line`, unless there are none."""
        wanted = [self.fields[name] for name in names]
        relation = self.relation
        if self.lists:
            # An object is parsed once, however many of its members are needed.
            places = sorted({int(found[1]) for one in wanted if (found := _NUMBERED.fullmatch(one))})
            paths = ", ".join(text(self.lists[place]) for place in places)
            wanted = [
                f"found[{places.index(int(found[1])) + 1}]" if (found := _NUMBERED.fullmatch(one)) else one
                for one in wanted
            ]
            members = f"CASE WHEN json_valid(line) THEN json_extract_string(line, [{paths}]) END"
            relation = f"(SELECT *, {members} AS found FROM {relation})" if places else relation
        columns = "".join(f"{sql} AS c{place}, " for place, sql in enumerate(wanted))
        line = self.whole if lines else "''"
        return (
            f"SELECT {columns}coalesce({self.understood}, FALSE) AS understood, {line} AS line, {FILE} FROM {relation}"
        )


_NUMBERED = re.compile(r"member (\d+)")


def lines_relation(reading: Reading, packed: Sequence[bool]) -> str:
    """SQL of all lines, with a parameter (a list of files) for each of `packed`: whether they are gzipped."""
    scans = []
    for is_packed in packed:
        compression = "gzip" if is_packed else "none"
        if reading.array:
            objects = (
                f"read_json_objects(?, format = '{reading.array}', compression = '{compression}', filename = '{FILE}')"
            )
            scans.append(f"SELECT CAST(json AS VARCHAR) AS line, {FILE} FROM {objects}")
        else:
            scans.append(f"SELECT line, {FILE} FROM {lines_of(compression)}")
    whole = " UNION ALL ".join(scans)
    said = "NOT regexp_full_match(line, '\\s*')" + (" AND NOT starts_with(line, '#')" if reading.kind == "w3c" else "")
    if reading.goes_on and not reading.frame:
        said += _begun("line")
    return f"(SELECT line, {FILE} FROM ({whole}) WHERE {said})"


def raw_log(reading: Reading, relation: str, ask: Ask, headers: Ask) -> Raw:
    """The fields that lines have.

    Args:
        reading: how they are taken apart.
        relation: SQL of all of them.
        ask: about the lines inside of their frames.
        headers: about all lines, those that begin with # too.

    Raises:
        UsageFailure: they contradict each other.
    """
    outer: dict[str, str] = {}
    if reading.frame:
        struct, members = unframed(reading.frame, "line")
        outer = {name: sql for name, sql in members.items() if name != LINE}
        apart = f"SELECT {struct} AS frame, line AS whole, {FILE} FROM {relation}"
        relation = f"(SELECT *, {members[LINE]} AS line FROM ({apart}){_begun_inside(reading, members[LINE])})"
    inner = _inner(replace(reading, frame=""), relation, ask, headers)
    if reading.kind == "framed":
        inner = Raw(relation, {}, f"{outer['framed.time']} IS NOT NULL")
    return replace(inner, fields={**outer, **inner.fields}, whole="whole" if reading.frame else "line")


def framed(reading: Reading, relation: str) -> str:
    """SQL of the lines inside of their frames."""
    if not reading.frame:
        return relation
    struct, members = unframed(reading.frame, "line")
    begun = _begun_inside(reading, members[LINE])
    return f"(SELECT {members[LINE]} AS line FROM (SELECT {struct} AS frame FROM {relation}){begun})"


def _begun(line: str) -> str:
    """SQL: and a line does not go on with what the one before it says."""
    return f" AND NOT regexp_matches({line}, {text(CONTINUED)})"


def _begun_inside(reading: Reading, line: str) -> str:
    # Lines without the frame are kept: they count as not understood.
    return f" WHERE {line} IS NULL OR (TRUE{_begun(line)})" if reading.goes_on else ""


def _inner(reading: Reading, relation: str, ask: Ask, headers: Ask) -> Raw:
    if reading.kind == "json":
        paths = list(_leaves(_members(ask, reading)))
        fields = {".".join(path): f"member {place}" for place, path in reversed(list(enumerate(paths)))}
        found = dict(reversed(list(fields.items())))
        return Raw(relation, found, "json_valid(line) AND starts_with(ltrim(line), '{')", tuple(map(_path, paths)))
    if reading.kind == "logfmt":
        names = [
            name for (name,) in ask(f"SELECT DISTINCT unnest(regexp_extract_all(line, {text(PAIR)}, 1)) FROM lines")
        ]
        return Raw(relation, {name: _pair(name) for name in sorted(names)}, f"regexp_matches(line, {text(PAIR)})")
    if reading.kind == "w3c":
        return _w3c(reading, relation, headers)
    if reading.kind == "pattern":
        pattern = reading.lines
        apart, columns = fields_of(pattern, "line")
        derived = {name: _sum([columns[part] for part in parts]) for name, parts in pattern.sums.items()}
        return Raw(
            f"(SELECT *, {apart} AS parts FROM {relation})",
            _of_struct({**columns, **derived}),
            f"{_of_struct(columns)[TIME]} IS NOT NULL",
        )
    return Raw(relation, {}, "TRUE")


def _of_struct(columns: Mapping[str, str]) -> dict[str, str]:
    return {name: sql.replace("line.g", "parts.g") for name, sql in columns.items()}


def _sum(parts: Sequence[str]) -> str:
    """Where any of the parts is below 0, as of a request that nobody answered, there is none."""
    numbers = [f"TRY_CAST({part} AS DOUBLE)" for part in parts]
    return f"CASE WHEN least({', '.join(numbers)}) >= 0 THEN CAST({' + '.join(numbers)} AS VARCHAR) END"


def _pair(name: str) -> str:
    pair = text(rf"(?:^|\s){re.escape(name)}=({_VALUE})")
    return f"trim(regexp_extract(line, {pair}, 1), '\"')"


_VALUE = r'"(?:[^"\\]|\\.)*"|\S*'


def _w3c(reading: Reading, relation: str, headers: Ask) -> Raw:
    rows = headers("SELECT DISTINCT line FROM lines WHERE starts_with(line, '#Fields:')")
    layouts = {tuple(re.sub(r"^#Fields:\s*", "", line).split()) for (line,) in rows} or {reading.fields}
    by_width = {len(fields): fields for fields in layouts}
    if len(by_width) < len(layouts):
        raise UsageFailure("the #Fields of the log change their order: split it there, and read the parts one by one")
    parts = "string_split(line, chr(9))" if reading.tabs else "string_split(line, ' ')"
    if not reading.tabs:
        quoted = 'regexp_extract_all(line, \'"[^"]*"|\\S+\')'
        parts = f"CASE WHEN contains(line, '\"') THEN {quoted} ELSE {parts} END"
    names = dict.fromkeys(name for fields in sorted(layouts) for name in fields)
    found = {}
    for name in names:
        cases = [
            f"WHEN {width} THEN parts[{fields.index(name) + 1}]" for width, fields in by_width.items() if name in fields
        ]
        value = f"CASE len(parts) {' '.join(cases)} END"
        if "user-agent" in name.lower():
            # IIS writes a plus for a blank, CloudFront %20.
            value = f"url_decode(replace({value}, '+', ' '))"
        found[name] = f"nullif(trim({value}, '\"'), '-')"
    widths = ", ".join(map(str, by_width))
    return Raw(f"(SELECT *, {parts} AS parts FROM {relation})", found, f"len(parts) IN ({widths})")


def _members(ask: Ask, reading: Reading) -> Iterator[Path_]:
    """The paths of all members of JSON objects, to a depth that logs have.

    Args:
        ask: about the lines.
        reading: of them: the objects of the first lines are looked into at once.
    """
    inside: list[Path_] = [(), *reading.objects]
    seen = {*inside, *reading.scalars}
    for _ in range(_DEPTH):
        paths = ", ".join(text(_path(path)) for path in inside)
        rows = ask(f"SELECT DISTINCT json_keys(line, [{paths}]) FROM lines WHERE json_valid(line) LIMIT {_MOST_SHAPES}")
        found = dict.fromkeys(
            (*path, name)
            for (lists,) in rows
            for path, names in zip(inside, lists or (), strict=False)
            for name in names or ()
        )
        yield from found
        inside = [path for path in found if path not in seen and _leads_on(path)][:_WIDE]
        seen |= set(inside)
        if not inside:
            return


def _leads_on(path: Path_) -> bool:
    """Whether a field that has a role may lie below: it is the first part of the name of one."""
    above = plain(path[-1]) + "."
    return any(f".{name}".find(f".{above}") >= 0 for names in ROLE_OF.values() for name in names)


def _leaves(paths: Iterator[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    found = list(dict.fromkeys(paths))
    inner = {path[:length] for path in found for length in range(1, len(path))}
    return (path for path in found if path not in inner)


def _path(path: Sequence[str]) -> str:
    return "$" + "".join('."' + part.replace("\\", "\\\\").replace('"', '\\"') + '"' for part in path)
