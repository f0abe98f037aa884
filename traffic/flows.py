"""Flow records: amounts by the values of dimensions. Frozen values, no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from traffic.model import Bools, Direction, Floats, Ints, Metric, Split, Window

DIMENSIONS = ("dst_port", "protocol", "src_as", "country")
"""What our own flow records say of each flow besides its time, its customer and its bytes."""


KNOWN: Mapping[str, tuple[str, ...]] = {
    "dst_port": (
        "dst_port",
        "dstport",
        "dport",
        "dp",
        "port_dst",
        "destination.port",
        "dest_port",
        "id.resp_p",
        "dPort",
    ),
    "protocol": ("protocol", "proto", "pr", "ip_proto", "network.transport", "prot"),
    "src_as": ("src_as", "srcas", "as_src", "source.as.number", "sas"),
    "dst_as": ("dst_as", "dstas", "as_dst", "destination.as.number", "das"),
    "country": ("country", "src_country", "srccountry", "source.geo.country_iso_code"),
    "endpoint": ("endpoint", "url.path", "path"),
    "status": ("status", "status_code", "response_code", "http.response.status_code"),
    "method": ("method", "http.request.method"),
}
"""Dimensions -> how columns and fields are called that hold them, in any case of letters."""


def like_dimensions(names: Sequence[str]) -> tuple[str, ...]:
    """Those of some columns or fields that are called like a dimension, one for each."""
    there = {name.lower(): name for name in reversed(names)}
    found = (next((there[one.lower()] for one in known if one.lower() in there), None) for known in KNOWN.values())
    return tuple(dict.fromkeys(name for name in found if name is not None))


MOST = 1_000
"""Values of a dimension that an answer tells apart, those that differ most; the others are one more."""


def beyond_the_first(count: int) -> str:
    """What stands for all values that an answer did not tell apart."""
    return f"(beyond the first {count:,})"


MORE = beyond_the_first(MOST)
SEVERAL = "(counted in several)"
"""What records with several values in a field were counted too often."""


def is_remainder(value: str) -> bool:
    """Whether that is no value of a field, but what is left beside those that are listed."""
    return value == SEVERAL or value.startswith("(beyond the first ")


def split_of(metric: Metric) -> Split:
    """What of a metric can be split."""
    if metric.adds_up:
        return "excess"
    return "mean" if metric.statistic in ("avg", "share") else "rows"


@dataclass(frozen=True, eq=False)
class Flows:
    """Flows of one key on a grid of steps: arrays of shape (flows,), in order of time."""

    row: int
    """Of the key, in what is written together."""
    step: Ints
    """Place of each flow's time on the grid."""
    amounts: Ints
    """Bytes."""
    places: Mapping[str, NDArray[np.int32]]
    """Which service and which network it is of, as places in `Catalogue`."""


@dataclass(frozen=True)
class Catalogue:
    """What the places of flows stand for."""

    services: tuple[tuple[int, str], ...]
    """Destination port and protocol."""
    networks: tuple[tuple[int, str], ...]
    """Source AS and country."""


@dataclass(frozen=True)
class FlowQuery:
    """A question: what a key's traffic in some windows was made of, by one or several dimensions together."""

    key: str
    windows: tuple[Window, ...]
    by: tuple[str, ...]
    only: tuple[str, ...] | None = None
    """The one combination that is looked at: the answer may leave out others, but not of its totals."""
    beyond: Beyond | None = None
    """Count the rows whose values lie there, as is asked of a percentile; None: what the metric is made of."""
    resolution: int = 60
    """Seconds of the buckets that the windows consist of: what a store tells by the width is asked for in these."""


@dataclass(frozen=True)
class Beyond:
    """Values above a limit, or below it, in the metric's unit."""

    limit: float
    direction: Direction


@dataclass(frozen=True, eq=False)
class FlowAnswer:
    """Sums times the metric's scale: bits of bytes. Of a mean or a share what it is the mean of; or a count of rows."""

    values: tuple[tuple[str, ...], ...]
    """Of the dimensions that were asked for, each combination that is there; "" where a record says none."""
    amounts: Floats
    """Shape (values, windows)."""
    totals: Floats
    """Of all records of the key, whatever they say of the dimensions: shape (windows,)."""
    there: Bools
    """Whether the store holds anything of the key in a window: shape (windows,)."""
    rows: Floats | None = None
    """How many records the amounts were made of, as `amounts`; None of a metric that adds up."""
    all_rows: Floats | None = None
    """As `totals`."""
    cut: Bools | None = None
    """Whether a window held more values than are listed: shape (windows,). None: what is not listed is 0 there."""
