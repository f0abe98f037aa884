"""Columns of a block as texts, by tables that are made once for a vocabulary: what formats put together."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from generator.logs.model import LEVELS, MISSING, Block
from generator.logs.vocabulary import NONE, NUMBERS, Vocabulary

Texts = list[str]


def _pieces(words: Vocabulary, name: str, make: Callable[[], Sequence[str]]) -> NDArray[np.object_]:
    """Texts as an array that can be indexed; made once for a vocabulary."""
    if name not in words.pieces:
        array = np.empty(len(made := make()), dtype=object)
        array[:] = made
        words.pieces[name] = array
    return words.pieces[name]  # type: ignore[no-any-return]


def column(words: Vocabulary, name: str, make: Callable[[], Sequence[str]], indices: NDArray[np.integer]) -> Texts:
    """A text for each index; what is NONE is the last one that `make` gave."""
    return _pieces(words, name, make)[indices].tolist()  # type: ignore[no-any-return]


def escaped(text: str) -> str:
    """As it stands between the quotes of JSON."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


def plain(text: str) -> str:
    """On one line whatever a service is called."""
    return " ".join(text.split())


def _thousandths() -> Texts:
    return [f"{number:03d}" for number in range(1000)]


def times(block: Block) -> tuple[Texts, Texts, Texts, Texts]:
    """Each time in four parts: up to the minutes, seconds, thousandths, millionths."""
    minutes, rest = np.divmod(block.time_us, 60_000_000)
    # Times never fall: one text for each minute that there is.
    new = np.flatnonzero(np.diff(minutes, prepend=minutes[:1] - 1))
    texts = np.empty(len(new), dtype=object)
    texts[:] = [f"{text}:" for text in np.datetime_as_string(minutes[new].view("M8[m]")).tolist()]
    seconds, rest = np.divmod(rest.astype(np.int32), 1_000_000)
    high, low = np.divmod(rest, 1000)
    digits = _pieces(block.words, "thousandths", _thousandths)
    return (
        np.repeat(texts, np.diff(np.append(new, len(minutes)))).tolist(),
        column(block.words, "seconds", lambda: [f"{number:02d}." for number in range(60)], seconds),
        digits[high].tolist(),
        digits[low].tolist(),
    )


@lru_cache(maxsize=1)
def _half_addresses() -> NDArray[np.object_]:
    halves = np.empty(1 << 16, dtype=object)
    halves[:] = [f"{high}.{low}" for high in range(256) for low in range(256)]
    return halves


def addresses(block: Block) -> tuple[Texts, Texts]:
    """Both halves of each address."""
    halves = _half_addresses()
    return halves[block.address >> 16].tolist(), halves[block.address & 0xFFFF].tolist()


_HEX = np.frombuffer("".join(f"{value:02x}" for value in range(256)).encode(), dtype=np.uint16)
"""Two digits for each byte."""
_GROUPS = ((0, 8, 0), (8, 12, 1), (12, 16, 2), (16, 20, 3), (20, 32, 4))
"""Digits of a UUID that stand together, and how many dashes stand before them."""


def requests(block: Block) -> Texts:
    """UUIDs of version 4."""
    raw = block.request.copy()
    raw[:, 6] = raw[:, 6] & 0x0F | 0x40
    raw[:, 8] = raw[:, 8] & 0x3F | 0x80
    digits = _HEX[raw].view(np.uint8)
    text = np.full((len(block), 36), ord("-"), dtype=np.uint8)
    for begin, end, dashes in _GROUPS:
        text[:, begin + dashes : end + dashes] = digits[:, begin:end]
    joined = text.tobytes().decode("ascii")
    return [joined[begin : begin + 36] for begin in range(0, 36 * len(block), 36)]


def messages(block: Block, name: str, escape: Callable[[str], str]) -> tuple[Texts, ...]:
    """The five parts of each message."""
    words, parts = block.words, block.words.templates.parts

    def text(part: int) -> Texts:
        return column(words, f"{name} message {part}", lambda: [escape(one[part]) for one in parts], block.template)

    def gap(part: int) -> Texts:
        return column(words, f"{name} argument", lambda: list(map(escape, words.arguments)), block.arguments[:, part])

    return text(0), gap(0), text(1), gap(1), text(2)


def heads(block: Block, name: str, say: Callable[[str, str, str], str]) -> Texts:
    """What comes of level, source and service."""
    words = block.words

    def make() -> Texts:
        pairs = zip(words.sources, words.services, strict=True)
        return [say(level, source, service) for source, service in pairs for level in LEVELS]

    return column(words, name, make, block.service * len(LEVELS) + block.level)


def _fields(name: str, texts: Sequence[str]) -> Texts:
    return [f', "{name}": "{escaped(text)}"' for text in texts]


def taken(block: Block, before: str) -> tuple[Texts, Texts]:
    """Each response time in milliseconds as the shortest number, in two parts; nothing where there is none."""
    usual = (block.response_cs >= 0) & (block.response_cs < 100 * NUMBERS)
    whole, part = np.divmod(np.where(usual, block.response_cs, 0), 100)
    heads = column(block.words, f"whole {before}", lambda: [f"{before}{number}" for number in range(NUMBERS)], whole)
    parts = column(block.words, "hundredths", lambda: [str(number / 100)[1:] for number in range(100)], part)
    for row in np.flatnonzero(~usual).tolist():
        value = int(block.response_cs[row])
        heads[row], parts[row] = ("" if value == MISSING else f"{before}{value / 100}"), ""
    return heads, parts


def request(block: Block, name: str, fields: tuple[str, str, str]) -> Texts:
    """Endpoint, method and error code under these names."""
    words = block.words

    def make() -> Texts:
        groups = zip(fields, (words.endpoints, words.methods, words.errors), strict=True)
        endpoints, methods, errors = ([*_fields(field, texts), ""] for field, texts in groups)
        return [f"{endpoint}{method}{error}" for endpoint in endpoints for method in methods for error in errors]

    methods, errors = len(words.methods) + 1, len(words.errors) + 1
    # What is NONE is the last one of its kind.
    endpoint = np.where(block.endpoint == NONE, len(words.endpoints), block.endpoint).astype(np.int64)
    error = np.where(block.error == NONE, errors - 1, block.error)
    return column(words, name, make, (endpoint * methods + block.method) * errors + error)


def statuses(block: Block, before: str) -> Texts:
    """Each status behind `before`; nothing where there is none."""

    def make() -> Texts:
        return [*(f"{before}{status}" for status in range(1000)), ""]

    return column(block.words, f"status {before}", make, block.status)
