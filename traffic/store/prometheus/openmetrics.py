"""Generated traffic as lines of OpenMetrics, and their manifest. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from traffic.model import Grid, Ints, Window
from traffic.store.folder import FORMAT, Manifest

INFO = "sl_traffic_info"
"""Series whose labels are the manifest of what was generated."""
KEY = "key"
END = b"# EOF\n"
"""The last line of a file."""


def metric_name(field: str) -> str:
    """The metric name for the amounts of a field: `sl_network_bytes`."""
    return "sl_" + "".join(sign if sign.isalnum() and sign.isascii() else "_" for sign in field)


def text_of(field: str, keys: tuple[str, ...], grid: Grid, amounts: Ints, ticks: int) -> bytes:
    """One line for each step with a value, at its start.

    Args:
        field: field name of the amounts.
        keys: the values of the label.
        grid: of the steps.
        amounts: shape (keys, steps), -1 = missing.
        ticks: time units per second: 1 in OpenMetrics, 1000 in the import API of VictoriaMetrics.
    """
    name, times, parts = metric_name(field), grid.times() * ticks, []
    for key, row in zip(keys, amounts, strict=True):
        there = np.flatnonzero(row >= 0)
        line = f"{name}{{{KEY}={_escaped(key)}}}".replace("%", "%%") + " %d %d\n"
        parts.append(line * len(there) % tuple(np.column_stack([row[there], times[there]]).ravel().tolist()))
    return "".join(parts).encode()


def info_of(manifest: Manifest, ticks: int) -> bytes:
    """The line with the manifest.

    Raises:
        ValueError: the manifest is incomplete.
    """
    window = manifest.window
    if window is None:
        raise ValueError("nothing was begun")
    said = {
        "scenario": manifest.scenario,
        "field": manifest.field,
        "step": str(manifest.step),
        "start": str(window.start),
        "end": str(window.end),
    }
    inside = ",".join(f"{name}={_escaped(value)}" for name, value in said.items())
    return f"{INFO}{{{inside}}} 1 {window.start * ticks}\n".encode()


def manifest_of(labels: Mapping[str, str]) -> Manifest:
    """The manifest in the labels of such a series.

    Raises:
        ValueError, KeyError: it is a different series.
    """
    window = Window(int(labels["start"]), int(labels["end"]))
    return Manifest(FORMAT, labels["field"], int(labels["step"]), 0, labels["scenario"], window)


def _escaped(text: str) -> str:
    """Escape a value of a label: this format escapes three characters, PromQL more."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
