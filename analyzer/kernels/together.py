"""Which events belong together: close in time and with something in common, but not in chains."""

from __future__ import annotations

import math
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

LONGEST = 3
"""What belongs together lasts at most so many times its longest event ..."""
BESIDE = 2
"""... or that event and so many times what counts as near."""


def together(
    starts: Sequence[int], ends: Sequence[int], links: Sequence[AbstractSet[str]], weak: AbstractSet[str], near: int
) -> list[int]:
    """A group number for each event: the number of the first event of its group.

    Two belong together that have something in common and begin at most `near` seconds apart, or overlap by half of the
    shorter one; what is only weakly in common counts only for those that begin together. Those that begin closest are
    joined first, and nothing is joined that would last too long (`LONGEST`, `BESIDE`), so that one event after another
    makes no chain.

    Args:
        starts: of each event, in order.
        ends: of each event.
        links: what each has, to be in common with others.
        weak: which of these are weak.
        near: seconds.
    """
    pairs = []
    for one, start in enumerate(starts):
        # By what is weak alone, only those that begin together belong together.
        last = max(ends[one], start + near) if links[one] - weak else start + near
        for other in range(one + 1, len(starts)):
            if starts[other] > last:
                # The rest begins later still.
                break
            shared = links[one] & links[other]
            shorter = min(ends[one] - start, ends[other] - starts[other])
            overlap = min(ends[one], ends[other]) - starts[other]
            if shared and (starts[other] - start <= near or (shared - weak and 2 * overlap >= shorter)):
                pairs.append((starts[other] - start, one, other))
    of = list(range(len(starts)))
    spans = [(start, end, end - start) for start, end in zip(starts, ends, strict=True)]
    members = [[number] for number in of]
    for _, one, other in sorted(pairs):
        first, second = sorted((of[one], of[other]))
        if first == second:
            continue
        start, end = min(spans[first][0], spans[second][0]), max(spans[first][1], spans[second][1])
        longest = max(spans[first][2], spans[second][2])
        if end - start > max(LONGEST * longest, longest + BESIDE * near):
            continue
        spans[first] = (start, end, longest)
        members[first] += members[second]
        for number in members[second]:
            of[number] = first
    return of


def by_chance(count: int, seconds: int, others: int, window: int) -> float:
    """How often this many events would start within this many seconds if they were spread over the window at random.

    The expected number of events of a Poisson process with `count` - 1 more in the `seconds` after them.

    Args:
        count: events that begin together.
        seconds: between the first and the last of them.
        others: events in the window, these counted as one.
        window: its seconds.
    """
    mean = others / window * max(seconds, 1)
    below = math.fsum(_poisson(number, mean) for number in range(count - 1))
    # Of what is next to certain the difference is lost in rounding: the first term of the rest is nearly all of it.
    rest = 1 - below if below < 0.999 else _poisson(count - 1, mean)
    return others * rest


def _poisson(number: int, mean: float) -> float:
    """The probability of exactly this many, by logarithms: the factorial of 171 exceeds the range of a float."""
    return math.exp(number * math.log(mean) - mean - math.lgamma(number + 1))
