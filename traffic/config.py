"""Files that people edit: strict YAML in, a checked frozen dataclass out, or one line that says what is wrong.

Only plain YAML is understood: mappings, lists, strings, numbers, true/false, null. What surprises people is left out:
`no` is a string and not false, `12:30` is a string and not 750, a date stays a string, `2e8` is a number. Anchors,
aliases and tags are refused, and so is a setting that is given twice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from difflib import get_close_matches
from math import isfinite
from pathlib import Path
from types import NoneType
from typing import Any, TypeVar, get_args, get_type_hints

import yaml
from pydantic import ConfigDict, TypeAdapter, ValidationError

from traffic.disk import storage
from traffic.errors import UsageFailure
from traffic.settings import BadSetting
from traffic.text import visible

LARGEST = 1 << 20
DEEPEST = 16
_LONGEST_NUMBER = 40

_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_TRUE = frozenset(("true", "True", "TRUE"))
_FALSE = frozenset(("false", "False", "FALSE"))
_INTEGER = re.compile(r"[-+]?\d[\d_]*")
_NUMBER = re.compile(r"[-+]?(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][-+]?\d+)?")

_EXPECTED = {
    "bool_type": "true or false",
    "dataclass_type": "a group of settings (name: value lines below it)",
    "dict_type": "a group of settings (name: value lines below it)",
    "finite_number": "a number that is not infinite",
    "float_type": "a number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a smaller whole number",
    "int_type": "a whole number",
    "mapping_type": "a group of settings (name: value lines below it)",
    "list_type": "a list",
    "string_type": "a text (put it in quotes)",
    "tuple_type": "a list",
}

Loaded = TypeVar("Loaded")
# Where a setting is: the names and list positions on the way to it.
Where = tuple[str | int, ...]


def load(path: Path, cls: type[Loaded]) -> Loaded:
    """Read `path` into `cls`, a frozen dataclass whose fields are scalars, dataclasses, and tuples and dicts of these.

    An empty file gives the defaults. Types are strict (a string is never taken for a number; a whole number is accepted
    as a number).

    Raises:
        UsageFailure: the file is not there, is no such YAML, or does not fit `cls`: file, line, setting.
        StorageFailure: the file is there but cannot be read.
    """
    document = _Document(path)
    root = document.parse(_text(path))
    adapter: TypeAdapter[list[Loaded]] = TypeAdapter(
        # A dataclass takes its configuration from the type that contains it, and a list can carry one.
        list[cls],  # type: ignore[valid-type]
        config=ConfigDict(extra="forbid", strict=True, allow_inf_nan=False),
    )
    try:
        # Through JSON, where strict mode still accepts a list as a tuple and a mapping as a dataclass.
        return adapter.validate_json(json.dumps([{} if root is None else root]))[0]
    except ValidationError as error:
        found = [_complaint(dict(one), cls) for one in error.errors(include_url=False)]
    found.sort(key=lambda one: document.line_of(one[0]))
    where, message = found[0]
    more = f" ({len(found) - 1} more like this)" if len(found) > 1 else ""
    raise document.failure(document.line_of(where), f"{_shown(where)}: {message}{more}" if where else message + more)


def mapping(path: Path) -> dict[str, Any]:
    """The settings in a file of another program, as written: plain YAML, nothing is checked.

    Raises:
        UsageFailure: the file is not there, or is no such YAML: file and line.
        StorageFailure: the file is there but cannot be read.
    """
    return _Document(path).parse(_text(path)) or {}


def content_of(path: Path, largest: int, form: str, what: str, said: str = "") -> bytes:
    """The whole content of a file that the user named.

    Args:
        largest: maximum size in bytes.
        form: expected format, for messages: YAML, JSON.
        what: expected content, for messages.
        said: put before its name in messages, such as an option.

    Raises:
        UsageFailure: the file is not there, a folder, or too large.
        StorageFailure: the file is there but cannot be read.
    """
    with storage(path):
        try:
            with path.open("rb") as file:
                content = file.read(largest + 1)
        except FileNotFoundError:
            raise UsageFailure(f"{said}{path}: file not found") from None
        except IsADirectoryError:
            raise UsageFailure(f"{said}{path}: this is a folder; a {form} file is needed") from None
    if len(content) > largest:
        raise UsageFailure(f"{said}{path}: larger than {largest >> 20} MiB, too large for a {what}")
    return content


def _text(path: Path) -> str:
    content = content_of(path, LARGEST, "YAML", "settings file")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UsageFailure(f"{path}:{line}: not UTF-8 text; save the file as UTF-8") from None


@dataclass
class _Document:
    """Turns the parser's events into plain values, and remembers the line of each."""

    path: Path
    lines: dict[Where, int] = field(default_factory=dict)

    def parse(self, text: str) -> Any:
        """The value of the one document in `text`; None if it is empty."""
        # The C parser, if it was built in, reads a file of the maximum size in a tenth of the time.
        events = yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        try:
            root = None
            for number, event in enumerate(e for e in events if isinstance(e, yaml.DocumentStartEvent)):
                if number:
                    raise self.failure(_line(event), "a second document starts here; only one per file is allowed")
                root = self._value(next(events), events, (), 0)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            raise self.failure(mark.line + 1 if mark else 1, f"not valid YAML: {error.problem}") from None
        except yaml.YAMLError as error:
            # Characters that YAML forbids (control characters, half of a surrogate pair) come without a mark.
            place = getattr(error, "position", None)
            line = text.count("\n", 0, place) + 1 if isinstance(place, int) else 1
            raise self.failure(line, "contains characters that are not allowed in YAML; is it a text file?") from None
        if root is not None and not isinstance(root, dict):
            raise self.failure(1, "expected settings (name: value lines)")
        return root

    def _value(self, event: Any, events: Iterator[Any], path: Where, depth: int) -> Any:
        line = _line(event)
        self.lines[path] = line
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise self.failure(line, "anchors (&) and aliases (*) are not supported here; write the value out")
        if event.tag is not None:
            raise self.failure(line, f"the tag {visible(event.tag)} is not supported here; remove it")
        if depth > DEEPEST:
            raise self.failure(line, f"nested deeper than {DEEPEST} levels")
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event.value) if event.implicit[0] else event.value
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[Any] = []
            while not isinstance(item := next(events), yaml.SequenceEndEvent):
                items.append(self._value(item, events, (*path, len(items)), depth + 1))
            return items
        return self._mapping(events, path, depth)

    def _mapping(self, events: Iterator[Any], path: Where, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            line = _line(event)
            if not isinstance(event, yaml.ScalarEvent) or event.anchor is not None or event.tag is not None:
                raise self.failure(line, "the name of a setting must be a plain word")
            name = event.value
            inner = (*path, name)
            if name in found:
                before = self.lines[inner]
                raise self.failure(line, f"{_shown(inner)}: is set twice (first in line {before}); remove one of them")
            found[name] = self._value(next(events), events, inner, depth + 1)
            # The line of a setting is that of its name, which is where a person looks for it.
            self.lines[inner] = line
        return found

    def line_of(self, path: Where) -> int:
        """The line of a setting, or of the innermost group around it that is in the file."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def failure(self, line: int, message: str) -> UsageFailure:
        """An error on a line of the file, in one line whatever the file contains."""
        return UsageFailure(f"{self.path}:{line}: {visible(message)}")


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _scalar(text: str) -> str | int | float | bool | None:
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if len(text) > _LONGEST_NUMBER or not _NUMBER.fullmatch(text):
        return text
    digits = text.replace("_", "")
    if _INTEGER.fullmatch(text):
        return int(digits)
    number = float(digits)
    # Whoever writes 2e8 means a whole number, which a setting may require; 2.0 is not one.
    return int(number) if "." not in digits and isfinite(number) and number == int(number) else number


def _complaint(error: dict[str, Any], cls: type) -> tuple[Where, str]:
    """Where and what: the path of the setting and one sentence."""
    path: Where = tuple(error["loc"][1:])
    kind, value = error["type"], error.get("input")
    if kind == "unexpected_keyword_argument":
        return path, _unknown(str(path[-1]), _type_at(cls, path[:-1]))
    cause = (error.get("ctx") or {}).get("error")
    if isinstance(cause, BadSetting):
        return (*path, *_relative(cause.setting)), cause.message
    # For a tuple that is too short, pydantic names the missing item; what has to be mended is the list as a whole.
    pair = path[:-1] if kind == "missing" and isinstance(path[-1], int) else path
    if kind == "too_long" or pair != path:
        return pair, f"expected a list of {len(get_args(_type_at(cls, pair)))} values"
    if kind == "missing":
        return path, "is missing; add it"
    if expected := error["ctx"]["expected"] if kind == "literal_error" else _EXPECTED.get(kind):
        return path, f"expected {expected}, not {_brief(value)}"
    return path, f"{error['msg'].removeprefix('Value error, ')} ({_brief(value)})"


def _unknown(name: str, owner: Any) -> str:
    known = [one.name for one in fields(owner)] if _is_group(owner) else []
    close = get_close_matches(name, known, 1, 0.6)
    if close:
        return f"unknown setting; did you mean {close[0]!r}?"
    return f"unknown setting; use {', '.join(known)}"


def _is_group(kind: Any) -> bool:
    return isinstance(kind, type) and is_dataclass(kind)


def _type_at(kind: Any, path: Where) -> Any:
    """The declared type of a setting: through dataclasses, `X | None`, tuples and dicts; None where it ends."""
    for part in path:
        kind = _not_none(kind)
        if _is_group(kind):
            kind = get_type_hints(kind).get(str(part))
        elif isinstance(part, int):
            kind = next(iter(get_args(kind)), None)
        else:
            kind = (get_args(kind) or (None,))[-1]
    return _not_none(kind)


def _not_none(kind: Any) -> Any:
    others = [one for one in get_args(kind) if one is not NoneType]
    return others[0] if len(others) == 1 and NoneType in get_args(kind) else kind


def _relative(setting: str) -> Where:
    return tuple(int(part[1:-1]) if part[0] == "[" else part for part in re.findall(r"\[\d+\]|[^.\[\]]+", setting))


def _shown(path: Where) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part[:60]}" for part in path)
    return text.removeprefix(".")


def _brief(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 40 else text[:37] + "..."
