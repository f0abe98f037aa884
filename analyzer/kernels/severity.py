"""How severe an event is, in one figure: height times length, each saturating.

No model gives the two halves: they were chosen so that what people labelled comes first (average precision over all
that is reported): docs/detection.md, "Severity".
"""

from __future__ import annotations

import numpy as np

from traffic.model import Floats

HIGH = 5.0
"""Times the threshold from which more height is no more severity: a blip at 300 times is no worse than one at 20."""
LOW_SHARE = 0.2
"""Of the height, what an event has that just passes its threshold."""
HALF = 900.0
"""Seconds that are half of the length."""


def severity(height: Floats, seconds: Floats, least: Floats | float, most: Floats | float) -> Floats:
    """From `least` to `most`: height times length.

    least + (most - least) height seconds / (seconds + 900)

    Args:
        height: 0 to 1: `height_of` a rise, `missing_of` a fall.
        seconds: the event's length.
        least, most: of the event's class.
    """
    figure: Floats = least + (most - least) * height * length_of(seconds)
    return figure


def height_of(margin: Floats) -> Floats:
    """Of a rise: 0.2 at the threshold to 1 at five times it.

    Args:
        margin: peak over threshold, at least 1.
    """
    height: Floats = LOW_SHARE + (1 - LOW_SHARE) * np.clip((margin - 1) / (HIGH - 1), 0.0, 1.0)
    return height


def missing_of(volume: Floats, baseline: Floats, seconds: Floats) -> Floats:
    """Of a fall: the share of the usual volume that is missing, 1 where nothing came.

    Args:
        volume: what is missing to the baseline, in its unit times seconds: bits, where it is bit/s.
        baseline: what is usual at the lowest point, above 0.
        seconds: the event's length; what recovers in between counts as usual.
    """
    share: Floats = np.clip(volume / (baseline * seconds), 0.0, 1.0)
    return share


def length_of(seconds: Floats) -> Floats:
    """A half at a quarter of an hour, towards 1."""
    return seconds / (seconds + HALF)
