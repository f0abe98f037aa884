"""How much an event matters, in one figure: height times length, each saturating.

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


def severity(margin: Floats, seconds: Floats, least: Floats | float, most: Floats | float) -> Floats:
    """From `least` to `most`: height times length.

    least + (most - least) (0.2 + 0.8 min(1, (margin - 1) / 4)) seconds / (seconds + 900)

    Args:
        margin: peak over threshold, at least 1; of a fall, threshold over peak.
        seconds: the event's length.
        least, most: of the event's class.
    """
    figure: Floats = least + (most - least) * height_of(margin) * length_of(seconds)
    return figure


def height_of(margin: Floats) -> Floats:
    """0.2 at the threshold to 1 at five times it."""
    height: Floats = LOW_SHARE + (1 - LOW_SHARE) * np.clip((margin - 1) / (HIGH - 1), 0.0, 1.0)
    return height


def length_of(seconds: Floats) -> Floats:
    """A half at a quarter of an hour, towards 1."""
    return seconds / (seconds + HALF)
