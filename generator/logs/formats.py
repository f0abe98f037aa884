"""Blocks as texts: one bytes object a line, put together from pieces that were escaped once for all.

json      the fields of the README: timestamp, level, source, service, message, request_id, ip_address,
          response_time_ms, status_code, endpoint, method, error_code (only on errors), _labels
text      [time] [LEVEL   ] [source/service] [request] message (12.34ms) [200] [ANOMALY:type:0.85]
ecs       the Elastic Common Schema, with dotted names
combined  Apache's combined log format; it has no place for labels, nor for lines without a request

A value that a line does not have is left out of it. Times are UTC.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from generator.logs.anomalies import TYPES
from generator.logs.model import MISSING, NONE, Block
from generator.logs.settings import LEVELS
from generator.logs.vocabulary import Vocabulary
from traffic.model import Ints

Texts = list[str]


def encode(block: Block, form: str, labels: bool = True) -> list[bytes]:
    """The lines of a block as UTF-8 without line ends, in the format `form`, one of `settings.FORMATS`.

    `labels`: whether lines say that they belong to an incident. The same block gives the same bytes.
    """
    return [line.encode() for line in _FORMATS[form](block, labels)]


def _pieces(words: Vocabulary, name: str, make: Callable[[], Sequence[str]]) -> NDArray[np.object_]:
    """Texts as an array that can be indexed; made once for a vocabulary."""
    if name not in words.pieces:
        array = np.empty(len(made := make()), dtype=object)
        array[:] = made
        words.pieces[name] = array
    return words.pieces[name]  # type: ignore[no-any-return]


def _column(words: Vocabulary, name: str, make: Callable[[], Sequence[str]], places: NDArray[np.integer]) -> Texts:
    """A text for each place; what is NONE is the last one that `make` gave."""
    return _pieces(words, name, make)[places].tolist()  # type: ignore[no-any-return]


def _escaped(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _plain(text: str) -> str:
    """On one line whatever a service is called."""
    return " ".join(text.split())


def _times(times_us: Ints, end: str = "") -> Texts:
    return [text + end for text in np.datetime_as_string(times_us.view("M8[us]"), unit="us").tolist()]


@lru_cache(maxsize=1)
def _half_addresses() -> NDArray[np.object_]:
    halves = np.empty(1 << 16, dtype=object)
    halves[:] = [f"{high}.{low}" for high in range(256) for low in range(256)]
    return halves


def _addresses(block: Block) -> tuple[Texts, Texts]:
    halves = _half_addresses()
    return halves[block.address >> 16].tolist(), halves[block.address & 0xFFFF].tolist()


_HEX = np.array([[ord(digit) for digit in f"{value:02x}"] for value in range(256)], dtype=np.uint8)
# Where the bytes of a UUID stand in its text, each with two digits.
_UUID = np.array([0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34])


def _requests(block: Block) -> Texts:
    """UUIDs of version 4."""
    raw = block.request.copy()
    raw[:, 6] = raw[:, 6] & 0x0F | 0x40
    raw[:, 8] = raw[:, 8] & 0x3F | 0x80
    text = np.full((len(block), 36), ord("-"), dtype=np.uint8)
    digits = _HEX[raw]
    text[:, _UUID], text[:, _UUID + 1] = digits[:, :, 0], digits[:, :, 1]
    joined = text.tobytes().decode("ascii")
    return [joined[place : place + 36] for place in range(0, 36 * len(block), 36)]


def _messages(block: Block, name: str, escape: Callable[[str], str]) -> tuple[Texts, ...]:
    """The five parts of each message."""
    words, parts = block.words, block.words.templates.parts
    texts = [
        _column(words, f"{name} message {place}", lambda place=place: [escape(p[place]) for p in parts], block.template)  # type: ignore[misc]
        for place in range(3)
    ]
    gaps = [
        _column(words, f"{name} argument", lambda: list(map(escape, words.arguments)), block.arguments[:, place])
        for place in range(2)
    ]
    return texts[0], gaps[0], texts[1], gaps[1], texts[2]


def _json(block: Block, labels: bool) -> Texts:
    words = block.words
    heads = _heads(
        block,
        "json who",
        lambda level, source, service: (
            f'", "level": "{level}", "source": "{_escaped(source)}", "service": "{_escaped(service)}", "message": "'
        ),
    )
    return [
        f'{{"timestamp": "{time}{head}{a}{b}{c}{d}{e}", "request_id": "{request}", "ip_address": "{high}.{low}"'
        f"{taken}{status}{target}{method}{error}{label}"
        for time, head, a, b, c, d, e, request, high, low, taken, status, target, method, error, label in zip(
            _times(block.time_us),
            heads,
            *_messages(block, "json", _escaped),
            _requests(block),
            *_addresses(block),
            _taken(block, ', "response_time_ms": '),
            _statuses(block, ', "status_code": '),
            _column(words, "json target", lambda: _fields("endpoint", words.endpoints), block.endpoint),
            _column(words, "json method", lambda: _fields("method", words.methods), block.method),
            _column(words, "json error", lambda: _fields("error_code", words.errors), block.error),
            _labels(block, _json_label) if labels else ["}"] * len(block),
            strict=True,
        )
    ]


def _heads(block: Block, name: str, say: Callable[[str, str, str], str]) -> Texts:
    """What comes of level, source and service."""
    words = block.words

    def make() -> Texts:
        pairs = zip(words.sources, words.services, strict=True)
        return [say(level, source, service) for source, service in pairs for level in LEVELS]

    return _column(words, name, make, block.service * len(LEVELS) + block.level)


def _fields(name: str, texts: Sequence[str]) -> Texts:
    return [*(f', "{name}": "{_escaped(text)}"' for text in texts), ""]


def _taken(block: Block, before: str) -> Texts:
    if (block.response_cs == MISSING).any():
        return ["" if value == MISSING else f"{before}{value / 100}" for value in block.response_cs.tolist()]
    return [f"{before}{value}" for value in (block.response_cs / 100).tolist()]


def _statuses(block: Block, before: str) -> Texts:
    def make() -> Texts:
        return [*(f"{before}{status}" for status in range(1000)), ""]

    return _column(block.words, f"status {before}", make, block.status)


def _labels(block: Block, say: Callable[[str, int, str], str]) -> Texts:
    """The label of each line: nearly all of them are the same."""
    found = [say("none", 0, "")] * len(block)
    rows = np.flatnonzero(block.incident != NONE)
    kinds, scores, incidents = block.kind[rows].tolist(), block.score[rows].tolist(), block.incident[rows].tolist()
    for row, kind, score, incident in zip(rows.tolist(), kinds, scores, incidents, strict=True):
        found[row] = say(TYPES[kind], score, block.incidents[incident])
    return found


def _json_label(kind: str, score: int, incident: str) -> str:
    if not incident:
        return ', "_labels": {"is_anomaly": false, "anomaly_type": "none", "anomaly_score": 0.0, "incident_id": null}}'
    return (
        f', "_labels": {{"is_anomaly": true, "anomaly_type": "{kind}", "anomaly_score": {score / 10_000}, '
        f'"incident_id": "{incident}"}}}}'
    )


def _text(block: Block, labels: bool) -> Texts:
    heads = _heads(
        block, "text who", lambda level, source, service: f"] [{level:8}] [{_plain(source)}/{_plain(service)}] ["
    )
    return [
        f"[{time}{head}{request[:8]}] {a}{b}{c}{d}{e}{taken}{status}{label}"
        for time, head, request, a, b, c, d, e, taken, status, label in zip(
            _times(block.time_us),
            heads,
            _requests(block),
            *_messages(block, "text", _plain_part),
            ["" if value == MISSING else f" ({value / 100:.2f}ms)" for value in block.response_cs.tolist()],
            [f" [{status}]" if status != NONE else "" for status in block.status.tolist()],
            _labels(block, _text_label) if labels else [""] * len(block),
            strict=True,
        )
    ]


def _plain_part(text: str) -> str:
    """A part of a message: blanks at its ends stay."""
    return text if text.isprintable() else "".join(one if one.isprintable() else " " for one in text)


def _text_label(kind: str, score: int, incident: str) -> str:
    return f" [ANOMALY:{kind}:{score / 10_000:.2f}]" if incident else ""


def _ecs(block: Block, labels: bool) -> Texts:
    words = block.words
    heads = _heads(
        block,
        "ecs who",
        lambda level, source, service: (
            f'", "log.level": "{level.lower()}", "ecs.version": "8.11.0", "log.logger": "{_escaped(source)}", '
            f'"service.name": "{_escaped(service)}", "message": "'
        ),
    )
    return [
        f'{{"@timestamp": "{time}{head}{a}{b}{c}{d}{e}", "http.request.id": "{request}", "source.ip": "{high}.{low}"'
        f"{taken}{status}{target}{method}{error}{label}"
        for time, head, a, b, c, d, e, request, high, low, taken, status, target, method, error, label in zip(
            _times(block.time_us, "Z"),
            heads,
            *_messages(block, "json", _escaped),
            _requests(block),
            *_addresses(block),
            # Nanoseconds.
            [
                "" if value == MISSING else f', "event.duration": {value * 10_000}'
                for value in block.response_cs.tolist()
            ],
            _statuses(block, ', "http.response.status_code": '),
            _column(words, "ecs target", lambda: _fields("url.path", words.endpoints), block.endpoint),
            _column(words, "ecs method", lambda: _fields("http.request.method", words.methods), block.method),
            _column(words, "ecs error", lambda: _fields("error.code", words.errors), block.error),
            _labels(block, _ecs_label) if labels else ["}"] * len(block),
            strict=True,
        )
    ]


def _ecs_label(kind: str, score: int, incident: str) -> str:
    if not incident:
        return ', "labels.is_anomaly": false, "labels.anomaly_type": "none"}'
    return (
        f', "labels.is_anomaly": true, "labels.anomaly_type": "{kind}", '
        f'"labels.anomaly_score": "{score / 10_000}", "labels.incident_id": "{incident}"}}'
    )


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _apache_time(time: str) -> str:
    """`2026-11-22T10:00:00` as `22/Nov/2026:10:00:00 +0000`."""
    return f"{time[8:10]}/{_MONTHS[int(time[5:7]) - 1]}/{time[:4]}:{time[11:]} +0000"


def _combined(block: Block, _labels: bool) -> Texts:
    words, raw = block.words, block.request
    # One text for each second that there is.
    seconds, which = np.unique(block.time_us // 1_000_000, return_inverse=True)
    stamps = np.empty(len(seconds), dtype=object)
    stamps[:] = [_apache_time(text) for text in np.datetime_as_string(seconds.view("M8[s]")).tolist()]
    sent = 200 + (raw[:, 0].astype(np.int64) << 8 | raw[:, 1]) * (1 + raw[:, 2].astype(np.int64) % 4) // 4
    return [
        f'{high}.{low} - - [{time}] "{method} {target} HTTP/1.1" {status} {size} "{referrer}" "{agent}"'
        for high, low, time, method, target, status, size, referrer, agent in zip(
            *_addresses(block),
            stamps[which].tolist(),
            _column(words, "methods", lambda: words.methods, block.method),
            # What Apache writes where there is none.
            _column(words, "combined target", lambda: [*words.endpoints, "-"], block.endpoint),
            _column(words, "combined status", lambda: [*map(str, range(1000)), "-"], block.status),
            np.where(block.status == 204, 0, sent).tolist(),
            _column(words, "referrers", lambda: words.referrers, raw[:, 3] % len(words.referrers)),
            _column(words, "agents", lambda: words.agents, raw[:, 4] % len(words.agents)),
            strict=True,
        )
    ]


_FORMATS: dict[str, Callable[[Block, bool], Texts]] = {"json": _json, "text": _text, "ecs": _ecs, "combined": _combined}
