"""Corrections of a baseline, each a pure function."""

from __future__ import annotations

import numpy as np

from traffic.model import Floats

IDLE_SHARE = 0.1
EDGE_SHARE = 0.5


def idle(baseline: Floats, least: Floats) -> Floats:
    """No baseline is below `least`, a tenth of the key's weekly p95: three times almost nothing is almost nothing."""
    return np.maximum(baseline, least)


def edges(baseline: Floats) -> Floats:
    """A baseline is at least half of that of the hours before and after: mornings shift when clocks change."""
    return beside(baseline, EDGE_SHARE)


def beside(baseline: Floats, share: float) -> Floats:
    """A baseline is at least `share` of that of the hours before and after; missing ones stay missing."""
    before, after = _beside(baseline)
    result = np.fmax(baseline, share * np.fmax(before, after))
    return np.where(np.isnan(baseline), np.nan, result)


def pooled(baseline: Floats) -> Floats:
    """The median of the hour's baseline and its neighbours', for hours with too few buckets for a p95."""
    before, after = _beside(baseline)
    lowest, highest = np.fmin(np.fmin(before, after), baseline), np.fmax(np.fmax(before, after), baseline)
    middle = np.fmax(np.fmin(before, after), np.fmin(np.fmax(before, after), baseline))
    two = np.isnan(before) | np.isnan(after)
    return np.where(np.isnan(baseline), np.nan, np.where(two, (lowest + highest) / 2, middle))


def _beside(baseline: Floats) -> tuple[Floats, Floats]:
    nothing = np.full((len(baseline), 1), np.nan)
    return np.concatenate([nothing, baseline[:, :-1]], axis=1), np.concatenate([baseline[:, 1:], nothing], axis=1)
