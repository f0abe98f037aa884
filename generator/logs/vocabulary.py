"""What lines are made of: services, endpoints, messages with their gaps. One for all streams of the same sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.logs import messages
from generator.logs.draws import FIRST, SECOND, Draws
from generator.logs.sources import LogSource
from traffic.model import Ints

NONE = -1
"""A value that a line does not have, in the columns that can miss one."""
NUMBERS = 30_000
"""Arguments 1, 2, 3 ... are the numbers 0, 1, 2 ...; what else fills a gap follows them, services first."""
SERVICE = 1 + NUMBERS
"""Position of the first service among the arguments."""
TIMED = "ms"
"""The gap of a message that holds the line's response time."""


@dataclass(frozen=True)
class Templates:
    """Messages as head, gap, middle, gap, tail; `low` and `span` (shape (templates, 2)) say what fills the gaps."""

    parts: tuple[tuple[str, str, str], ...]
    low: NDArray[np.int32]
    span: NDArray[np.int32]
    timed: NDArray[np.bool_]
    """Shape (templates, 2): gaps that hold the line's response time."""
    status: NDArray[np.int16]
    """The status that a message names, or NONE."""

    def __len__(self) -> int:
        return len(self.parts)


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Every text that can stand in a line, by its number."""

    services: tuple[str, ...]
    sources: tuple[str, ...]
    """The source of each service."""
    arguments: tuple[str, ...]
    templates: Templates
    groups: dict[str, Ints]
    """Group of messages -> positions of its templates."""
    normal: NDArray[np.int32]
    """Shape (services, levels, MOST): templates of normal lines; the shorter lists are repeated."""
    endpoints: tuple[str, ...] = messages.ENDPOINTS
    methods: tuple[str, ...] = messages.METHODS
    errors: tuple[str, ...] = messages.ERRORS
    agents: tuple[str, ...] = messages.AGENTS
    referrers: tuple[str, ...] = messages.REFERRERS

    def fill(self, template: NDArray[np.int32], draws: Draws) -> NDArray[np.int32]:
        """What fills the gaps of these templates, shape (lines, 2)."""
        spans = self.templates.span[template].astype(np.int64)
        return self.templates.low[template] + (spans * draws[:, FIRST : SECOND + 1] >> 16).astype(np.int32)

    @cached_property
    def pieces(self) -> dict[str, Any]:
        """What formats have made of these texts, kept for the next block."""
        return {}


@lru_cache(maxsize=8)
def vocabulary(sources: tuple[LogSource, ...]) -> Vocabulary:
    """The vocabulary of these sources."""
    pairs = [(service, source.name) for source in sources for service in source.services]
    services = tuple(service for service, _ in pairs)
    words = {"service": services, **messages.WORDS, TIMED: ("0",)}
    arguments = ["", *map(str, range(NUMBERS))]
    spans: dict[str, tuple[int, int]] = {"": (0, 1)}
    for name, texts in words.items():
        spans[name] = (len(arguments), len(texts))
        arguments += texts
    groups: dict[str, Ints] = {}
    parts: list[tuple[str, str, str]] = []
    gaps: list[tuple[tuple[int, int], tuple[int, int]]] = []
    timed: list[tuple[bool, bool]] = []
    status: list[int] = []
    for group, texts in messages.MESSAGES.items():
        groups[group] = np.arange(len(parts), len(parts) + len(texts))
        for text in texts:
            cut, names = _cut(text)
            parts.append(cut)
            gaps.append((_span(names[0], spans), _span(names[1], spans)))
            timed.append((names[0] == TIMED, names[1] == TIMED))
            status.append(int(text[:3]) if text[:3].isdigit() else NONE)
    filled = np.array(gaps, dtype=np.int32)
    return Vocabulary(
        services,
        tuple(source for _, source in pairs),
        tuple(arguments),
        Templates(tuple(parts), filled[:, :, 0], filled[:, :, 1], np.array(timed), np.array(status, dtype=np.int16)),
        groups,
        _normal([source for _, source in pairs], groups),
    )


def _cut(text: str) -> tuple[tuple[str, str, str], tuple[str, str]]:
    """`a {x} b` as its texts and the names in its gaps; there are always two gaps, if need be empty ones."""
    pieces = text.replace("}", "{").split("{")
    assert len(pieces) <= 5, text
    texts, names = [*pieces[::2], "", ""][:3], [*pieces[1::2], "", ""][:2]
    return (texts[0], texts[1], texts[2]), (names[0], names[1])


def _span(name: str, spans: dict[str, tuple[int, int]]) -> tuple[int, int]:
    """First argument and how many, of a word (`service`) or of numbers (`3-20`)."""
    if name in spans:
        return spans[name]
    low, high = map(int, name.split("-"))
    return 1 + low, high - low + 1


def _normal(sources: Sequence[str], groups: dict[str, Ints]) -> NDArray[np.int32]:
    levels = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
    most = 16
    found = np.zeros((len(sources), len(levels), most), dtype=np.int32)
    for row, source in enumerate(sources):
        for column, level in enumerate(levels):
            found[row, column] = np.resize(groups[f"{messages.family(source)} {level}"], most)
    return found
