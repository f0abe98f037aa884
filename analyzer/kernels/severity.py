"""How much an event matters, in one figure: a weighted sum of three saturating terms, x / (x + half).

The weights were chosen by average precision over what is reported, not by a model: docs/detection.md, "Severity".
"""

from __future__ import annotations

import numpy as np

from traffic.model import Floats


def severity(margin: Floats, seconds: Floats, hours: Floats) -> Floats:
    """0 to 100: 60 for how unusual it is for its key, 20 for its length, 20 for its volume.

    60 (1 - 1 / margin) + 20 seconds / (seconds + 1800) + 20 hours / (hours + 1)

    Args:
        margin: peak over threshold, which is what the key passes less than once in two weeks; at least 1.
        seconds: the event's length.
        hours: what lies above the baseline, in hours of baseline: 1 is as much as the hour usually brings.
    """
    with np.errstate(invalid="ignore"):
        volume = np.where(np.isfinite(hours), hours / (hours + 1), 1.0)
    figure: Floats = 60 * (1 - 1 / margin) + 20 * seconds / (seconds + 1800) + 20 * volume
    return figure
