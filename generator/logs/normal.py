"""Lines of which nothing is wrong: raw bits in, columns out, by tables that turn 16 bits into what they stand for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from generator.logs import messages
from generator.logs.draws import CLIENT, ERROR, LEVEL, RESPONSE, STATUS, TARGET, TEMPLATE, Draws
from generator.logs.model import LEVELS, Block
from generator.logs.settings import LogSettings, ResponseTime
from generator.logs.vocabulary import NONE, NUMBERS, Vocabulary
from traffic.model import Floats, Ints

_SIZE = 1 << 16
_STATUS = {
    "DEBUG": (200, 200, 200, 204, 304),
    "INFO": (200, 200, 200, 200, 200, 200, 201, 204, 304),
    "WARNING": (400, 400, 401, 403, 404, 404, 404, 409, 422, 429),
    "ERROR": (500, 500, 500, 502, 503, 504),
    "CRITICAL": (500, 503, 503),
}
# How often each method is used, in sixteenths.
_METHODS = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 3, 4)


@dataclass(frozen=True, eq=False)
class Tables:
    """What 16 bits stand for."""

    level: NDArray[np.uint8]
    response_cs: NDArray[np.int32]
    status: NDArray[np.int16]
    """Shape (levels, 256)."""
    endpoint: NDArray[np.int16]
    client: NDArray[np.uint32]


def table_of(values: Sequence[float], weights: Sequence[float], size: int = _SIZE) -> Ints:
    """Shape (size,): each of `values` as often as it weighs, to the nearest entry."""
    edges = np.rint(np.cumsum(weights) / sum(weights) * size).astype(np.int64)
    return np.repeat(np.asarray(values), np.diff(edges, prepend=0))


def tables(settings: LogSettings) -> Tables:
    """The tables of these settings, kept for the next stream."""
    levels = tuple(settings.normal_logs.log_levels.get(name, 0.0) for name in LEVELS)
    return _tables(levels, settings.normal_logs.response_time)


@lru_cache(maxsize=32)
def _tables(levels: tuple[float, ...], response: ResponseTime) -> Tables:
    status = [table_of(_STATUS[name], [1.0] * len(_STATUS[name]), 256) for name in LEVELS]
    popular = [1 / (1 + rank) for rank in range(messages.USUAL_ENDPOINTS)]
    return Tables(
        table_of(range(len(LEVELS)), levels).astype(np.uint8),
        _bell(response),
        np.array(status, dtype=np.int16),
        table_of(range(messages.USUAL_ENDPOINTS), popular).astype(np.int16),
        _clients(),
    )


def _bell(response: ResponseTime) -> NDArray[np.int32]:
    """Quantiles of the normal distribution between min and max, in hundredths of a millisecond."""
    if not response.std:
        return np.full(_SIZE, round(response.mean * 100), dtype=np.int32)
    bell = NormalDist(response.mean, response.std)
    low, high = bell.cdf(response.min), bell.cdf(response.max)
    some = [bell.inv_cdf(min(max(low + (high - low) * (step + 0.5) / 2048, 1e-12), 1 - 1e-12)) for step in range(2048)]
    between = np.interp((np.arange(_SIZE) + 0.5) / _SIZE, (np.arange(2048) + 0.5) / 2048, some)
    return np.rint(np.clip(between, response.min, response.max) * 100).astype(np.int32)


def _clients() -> NDArray[np.uint32]:
    """4,096 addresses in 10.0.0.0/8, some of which come far more often than others."""
    rank = ((np.arange(_SIZE) / _SIZE) ** 3 * 4096).astype(np.uint64)
    inside = (rank * np.uint64(2654435761) >> np.uint64(4)) & np.uint64(0xFFFFFF)
    return (inside | np.uint64(10 << 24)).astype(np.uint32)


@lru_cache(maxsize=32)
def gap_table(low: float, high: float, by_rate: bool) -> Floats:
    """Shape (65536,): the gap between two lines as a multiple of the mean one, in millionths.

    By a rate: as between requests that know nothing of one another. Else even from `low` to `high` seconds.
    """
    middle = (np.arange(_SIZE) + 0.5) / _SIZE
    gaps = -np.log(1 - middle) if by_rate else (low + (high - low) * middle) * (2 / (low + high))
    return np.asarray(np.rint(gaps / gaps.mean() * 1e6))


def usual_errors(settings: LogSettings) -> float:
    """The share of errors among lines of which nothing is wrong."""
    levels = settings.normal_logs.log_levels
    return (levels.get("ERROR", 0.0) + levels.get("CRITICAL", 0.0)) / sum(levels.values())


def fill(
    draws: Draws, services: NDArray[np.int32], times_us: Ints, first: int, words: Vocabulary, known: Tables
) -> Block:
    """A block of normal lines; all its columns are its own and may still be changed."""
    level = known.level[draws[:, LEVEL]]
    template = words.normal[services, level, draws[:, TEMPLATE] >> 12]
    wrong = level >= LEVELS.index("ERROR")
    error = np.where(wrong, (draws[:, ERROR] >> 8) % 4, NONE).astype(np.int8)
    count = len(draws)
    return Block(
        words=words,
        first=first,
        time_us=times_us,
        level=level,
        service=services,
        template=template,
        arguments=words.fill(template, draws),
        request=np.ascontiguousarray(draws[:, :8]).view(np.uint8).reshape(count, 16),
        address=known.client[draws[:, CLIENT]],
        response_cs=known.response_cs[draws[:, RESPONSE]],
        status=known.status[level, draws[:, STATUS] >> 8],
        endpoint=known.endpoint[draws[:, TARGET]],
        method=np.array(_METHODS, dtype=np.int8)[draws[:, ERROR] & 15],
        error=error,
        kind=np.full(count, NONE, dtype=np.int8),
        score=np.zeros(count, dtype=np.int16),
        incident=np.full(count, NONE, dtype=np.int32),
        incidents=(),
    )


def agree(block: Block) -> None:
    """Let messages that name a response time or a status name those of their line."""
    templates = block.words.templates
    timed = templates.timed[block.template]
    rows, gaps = np.nonzero(timed)
    taken = np.clip(block.response_cs[rows] // 100, 0, NUMBERS - 1)
    block.arguments[rows, gaps] = 1 + taken
    named = templates.status[block.template]
    np.copyto(block.status, named, where=named != NONE)
