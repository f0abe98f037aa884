"""Blocks as texts: one bytes object a line, put together from pieces that were escaped once for all.

json      the fields of the README: timestamp, level, source, service, message, request_id, ip_address,
          response_time_ms, status_code, endpoint, method, error_code (only on errors), _labels
text      [time] [LEVEL   ] [source/service] [request] message (12.34ms) [200] [ANOMALY:type:0.85]
ecs       the Elastic Common Schema, with dotted names
combined  Apache's combined log format; it has no place for labels, nor for lines without a request

A value that a line does not have is left out of it. Times are UTC.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from generator.logs import columns
from generator.logs.columns import Texts, column, escaped, plain
from generator.logs.model import MISSING, Block
from generator.logs.types import TYPES
from generator.logs.vocabulary import NONE


def encode(block: Block, form: str, labels: bool = True) -> list[bytes]:
    """The lines of a block as UTF-8 without line ends, in the format `form`, one of `settings.FORMATS`.

    `labels`: whether lines say that they belong to an incident. The same block gives the same bytes.
    """
    return [line.encode() for line in _FORMATS[form](block, labels)]


def _json(block: Block, labels: bool) -> Texts:
    heads = columns.heads(
        block,
        "json who",
        lambda level, source, service: (
            f'", "level": "{level}", "source": "{escaped(source)}", "service": "{escaped(service)}", "message": "'
        ),
    )
    return [
        f'{{"timestamp": "{time}{sec}{ms}{us}{head}{a}{b}{c}{d}{e}", "request_id": "{request}", '
        f'"ip_address": "{high}.{low}"{taken}{part}{status}{asked}{label}'
        for time, sec, ms, us, head, a, b, c, d, e, request, high, low, taken, part, status, asked, label in zip(
            *columns.times(block),
            heads,
            *columns.messages(block, "json", escaped),
            columns.requests(block),
            *columns.addresses(block),
            *columns.taken(block, ', "response_time_ms": '),
            columns.statuses(block, ', "status_code": '),
            columns.request(block, "json request", ("endpoint", "method", "error_code")),
            _labels(block, _json_label) if labels else ["}"] * len(block),
            strict=True,
        )
    ]


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
    heads = columns.heads(
        block, "text who", lambda level, source, service: f"] [{level:8}] [{plain(source)}/{plain(service)}] ["
    )
    return [
        f"[{time}{sec}{ms}{us}{head}{request[:8]}] {a}{b}{c}{d}{e}{taken}{status}{label}"
        for time, sec, ms, us, head, request, a, b, c, d, e, taken, status, label in zip(
            *columns.times(block),
            heads,
            columns.requests(block),
            *columns.messages(block, "text", _plain_part),
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
    heads = columns.heads(
        block,
        "ecs who",
        lambda level, source, service: (
            f'", "log.level": "{level.lower()}", "ecs.version": "8.11.0", "log.logger": "{escaped(source)}", '
            f'"service.name": "{escaped(service)}", "message": "'
        ),
    )
    return [
        f'{{"@timestamp": "{time}{sec}{ms}{us}Z{head}{a}{b}{c}{d}{e}", "http.request.id": "{request}", '
        f'"source.ip": "{high}.{low}"{taken}{status}{asked}{label}'
        for time, sec, ms, us, head, a, b, c, d, e, request, high, low, taken, status, asked, label in zip(
            *columns.times(block),
            heads,
            *columns.messages(block, "json", escaped),
            columns.requests(block),
            *columns.addresses(block),
            # Nanoseconds.
            [
                "" if value == MISSING else f', "event.duration": {value * 10_000}'
                for value in block.response_cs.tolist()
            ],
            columns.statuses(block, ', "http.response.status_code": '),
            columns.request(block, "ecs request", ("url.path", "http.request.method", "error.code")),
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
            *columns.addresses(block),
            stamps[which].tolist(),
            column(words, "methods", lambda: words.methods, block.method),
            # What Apache writes where there is none.
            column(words, "combined target", lambda: [*words.endpoints, "-"], block.endpoint),
            column(words, "combined status", lambda: [*map(str, range(1000)), "-"], block.status),
            np.where(block.status == 204, 0, sent).tolist(),
            column(words, "referrers", lambda: words.referrers, raw[:, 3] % len(words.referrers)),
            column(words, "agents", lambda: words.agents, raw[:, 4] % len(words.agents)),
            strict=True,
        )
    ]


_FORMATS: dict[str, Callable[[Block, bool], Texts]] = {"json": _json, "text": _text, "ecs": _ecs, "combined": _combined}
