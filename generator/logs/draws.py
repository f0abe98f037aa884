"""The random bits of a line: which 16 of them decide what."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

WORDS = 6
"""64-bit random words that a line takes, whatever becomes of it: a stream is the same however it is cut."""

Draws = NDArray[np.uint16]
"""Shape (lines, 4 * WORDS): uniform; the constants below say which is for what."""

GAP, LEVEL, TEMPLATE, RESPONSE, SERVICE, STATUS, TARGET, ERROR, CLIENT, FIRST, SECOND = (8, 9, 10, 11, *range(13, 20))
FAULT = 20
"""The first of four that are left to what goes wrong."""
