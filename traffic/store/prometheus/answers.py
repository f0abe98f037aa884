"""Answers of a server as arrays. Pure functions: JSON in, series out, or an error of one line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from traffic.model import Floats, Ints
from traffic.store.base import StoreError

_NEAR = 1e-9
"""Relative tolerance when figures are compared with their bounds, and sums with each other."""


class NoPromAnswer(StoreError):
    """An answer that does not have the documented form."""


@dataclass(frozen=True)
class Answered:
    """A series in an answer."""

    labels: dict[str, str]
    columns: Ints
    """Indices of the requested moments, shape (n,)."""
    values: Floats
    """Finite or not, shape (n,)."""


def lines(data: Any, first: int, step: int, count: int) -> Iterator[Answered]:
    """The series of an answer to `query_range`.

    Args:
        data: the answer.
        first: the first requested moment, epoch seconds.
        step: seconds between moments.
        count: number of moments.

    Raises:
        NoPromAnswer: it is not a matrix, or is for other moments.
    """
    for labels, flat in _series(data, "matrix"):
        times = np.fromiter(map(_number, flat[0::2]), np.float64, len(flat) // 2)
        values = np.fromiter(map(_number, flat[1::2]), np.float64, len(flat) // 2)
        columns = (times - first) / step
        whole = columns.astype(np.int64)
        ordered = not len(whole) or bool((np.diff(whole) > 0).all() and whole[0] >= 0 and whole[-1] < count)
        if not ordered or (columns != whole).any():
            raise NoPromAnswer("its answer is for other times than requested")
        yield Answered(labels, whole, values)


def pairs(data: Any, kind: str) -> Iterator[tuple[dict[str, str], Mapping[float, float]]]:
    """The series of an answer as time -> value, for small answers."""
    for labels, flat in _series(data, kind):
        yield labels, dict(zip(map(_number, flat[0::2]), map(_number, flat[1::2]), strict=True))


def agrees(hours: Mapping[str, Floats], most: int) -> bool:
    """Whether the figures of hours are consistent with each other; lost or altered figures are not.

    Args:
        hours: figures by name, for the hours that have data.
        most: buckets in an hour.
    """
    low, high, count = hours["minimum"], hours["maximum"], hours["count"]
    if not (((count >= 1) & (count <= most)).all() and all(np.isfinite(each).all() for each in hours.values())):
        return False
    slack = _NEAR * np.maximum(np.abs(low), np.abs(high))
    between = (hours[name] for name in ("high", "second", "p50", "p20", "mean"))
    if any(((each < low - slack) | (each > high + slack)).any() for each in between):
        return False
    # Minimum and maximum are among the buckets that the mean is computed from.
    with np.errstate(over="ignore"):
        least, largest = low + (high - low) / count, high - (high - low) / count
    mean = hours["mean"]
    return bool(((hours["p20"] <= hours["p50"] + slack) & (mean >= least - slack) & (mean <= largest + slack)).all())


def adds_up(values: Floats, count: float, total: float) -> bool:
    """Whether buckets (NaN where there is none) have this number and this total."""
    there = values[~np.isnan(values)]
    if len(there) != count:
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        apart, size = abs(float(there.sum()) - total), float(np.abs(there).sum())
    # If numbers are too large to add up, their mean cannot be checked.
    return not np.isfinite(size) or bool(apart <= _NEAR * size)


def _series(data: Any, kind: str) -> Iterator[tuple[dict[str, str], list[Any]]]:
    if not isinstance(data, dict) or data.get("resultType") != kind or not isinstance(data.get("result"), list):
        raise NoPromAnswer(f"it does not return a {kind} as Prometheus does")
    for one in data["result"]:
        labels = one.get("metric") if isinstance(one, dict) else None
        if not isinstance(labels, dict) or not all(isinstance(value, str) for value in labels.values()):
            raise NoPromAnswer("a series has no labels that can be read")
        if "histogram" in one or "histograms" in one:
            raise NoPromAnswer(
                "its values are histograms: convert them to numbers, for example with histogram_quantile()"
            )
        held = [one.get("value")] if "value" in one else one.get("values")
        if not isinstance(held, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in held):
            raise NoPromAnswer("a series has no values that can be read")
        yield labels, list(chain.from_iterable(held))


def _number(text: Any) -> float:
    try:
        return float(text)
    except (TypeError, ValueError):
        raise NoPromAnswer(f"{str(text)[:40]!r} is not a number") from None
