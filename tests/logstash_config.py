"""Reads a Logstash pipeline, as far as ours go: sections, plugins, settings, one condition on a field.

After the grammar in Logstash's own source. What this takes, Logstash's grammar takes; not the other way round.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

SECTIONS = ("input", "filter", "output")

_TOKEN = re.compile(
    r"""(?P<skip>(?:[ \t\r\n]+|\#[^\n]*(?:\n|$))+)"""
    r"""|(?P<string>"(?:\\"|[^"])*"|'(?:\\'|[^'])*')|(?P<arrow>=>)|(?P<mark>[{}\[\],])"""
    r"""|(?P<number>-?\d+(?:\.\d*)?(?![\w-]))|(?P<word>[A-Za-z0-9_-]+)"""
)
_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_]+")


class Wrong(ValueError):
    """It is no pipeline; says where."""


@dataclass
class Plugin:
    """A plugin and its settings; `only_if` is the field that has to be there."""

    section: str
    name: str
    settings: dict[str, Any] = field(default_factory=dict)
    only_if: str | None = None


def plugins(text: str) -> list[Plugin]:
    """All plugins of a pipeline, in order.

    Raises:
        Wrong: it does not follow the grammar.
    """
    reader = _Reader(text)
    found: list[Plugin] = []
    while reader.kind != "end":
        section = reader.take("word")
        if section not in SECTIONS:
            raise reader.wrong(f"a section is {', '.join(SECTIONS)}")
        reader.mark("{")
        found += _branches(reader, section, None)
    if not found:
        raise reader.wrong("a pipeline needs a section")
    return found


def _branches(reader: _Reader, section: str, only_if: str | None) -> Iterator[Plugin]:
    """Up to and with the closing brace."""
    while (reader.kind, reader.text) != ("mark", "}"):
        name = reader.take("word", "string")
        if name == "if":
            reader.mark("[")
            field_name = reader.take("word")
            reader.mark("]")
            reader.mark("{")
            yield from _branches(reader, section, field_name)
        else:
            yield Plugin(section, name, _settings(reader), only_if)
    reader.mark("}")


def _settings(reader: _Reader) -> dict[str, Any]:
    reader.mark("{")
    found: dict[str, Any] = {}
    while (reader.kind, reader.text) != ("mark", "}"):
        # Two settings have something between them.
        if found and not reader.spaced:
            raise reader.wrong("a blank is missing between two settings")
        name = reader.take("word", "string")
        if name in found:
            raise reader.wrong(f"{name} stands there twice")
        reader.take("arrow")
        found[name] = _value(reader)
    reader.mark("}")
    return found


def _value(reader: _Reader) -> Any:
    if (reader.kind, reader.text) == ("mark", "["):
        reader.mark("[")
        values: list[Any] = []
        while (reader.kind, reader.text) != ("mark", "]"):
            if values:
                reader.mark(",")
            values.append(_value(reader))
        reader.mark("]")
        return values
    kind, text = reader.kind, reader.take("string", "number", "word")
    if kind == "number":
        return float(text)
    if kind == "word":
        if not _BARE.fullmatch(text):
            raise reader.wrong(f"{text} needs quotes")
        return {"true": True, "false": False}.get(text, text)
    return text


class _Reader:
    """Token by token."""

    def __init__(self, text: str) -> None:
        self._source, self._at = text, 0
        self.kind = self.text = ""
        self.spaced = False
        self._next()

    def take(self, *kinds: str) -> str:
        """The token that stands here, if it is of one of these kinds."""
        if self.kind not in kinds:
            raise self.wrong(f"expected {' or '.join(kinds)}")
        text = self.text
        self._next()
        return text

    def mark(self, text: str) -> None:
        """This mark stands here."""
        if (self.kind, self.text) != ("mark", text):
            raise self.wrong(f"expected {text}")
        self._next()

    def wrong(self, why: str) -> Wrong:
        """The error, with its line."""
        line = self._source.count("\n", 0, self._at) + 1
        return Wrong(f"line {line}: {why}, found {self.text or 'the end'}")

    def _next(self) -> None:
        self.spaced = False
        while True:
            if self._at == len(self._source):
                self.kind, self.text = "end", ""
                return
            match = _TOKEN.match(self._source, self._at)
            if match is None:
                self.text = self._source[self._at]
                raise self.wrong("this means nothing here")
            self._at = match.end()
            if match.lastgroup != "skip":
                break
            self.spaced = True
        self.kind, self.text = str(match.lastgroup), match[0]
        if self.kind == "string":
            self.text = self.text[1:-1]
