"""How far back a policy of another engine looks, and whether the history that is read goes back that far."""

from __future__ import annotations

from analyzer.elsewhere.policy import Aggregated, Elsewhere, KeptBaseline, OfBaseline, Spike
from analyzer.elsewhere.raised import Raised, there
from analyzer.kernels.stored import EVERY
from analyzer.pipeline import Surveyed
from traffic.errors import UsageFailure
from traffic.model import HOUR, Window
from traffic.text import length


def looks_back(policy: Elsewhere) -> int:
    """Seconds of history that are needed to judge a moment at all."""
    if isinstance(policy, Spike):
        return 2 * policy.window
    if isinstance(policy, Aggregated):
        return policy.window
    alone = any(not any(isinstance(one, OfBaseline) for one in level.conditions) for level in policy.levels)
    return 0 if alone or policy.kept is None else _nearest(policy.kept)


def _nearest(kept: KeptBaseline) -> int:
    """How far back the latest hour lies that an hour is compared with, in seconds."""
    period = EVERY[kept.compared] * HOUR
    return max(period, -(-kept.offset // period) * period)


def check_history(policy: Elsewhere, window: Window, learned: Window) -> None:
    """Check that at least some of the window can be judged.

    Args:
        window: the judged window.
        learned: what is read, including the history before it.

    Raises:
        UsageFailure: the policy looks back farther than that.
    """
    back = looks_back(policy)
    if learned.start + back >= window.end:
        raise _too_short(policy, back, window.end - learned.start)


def partly(raised: Raised, surveyed: Surveyed) -> str:
    """A remark if only some of the hours could be judged; "" if all were.

    Raises:
        UsageFailure: none could.
    """
    inside, judged = int(there(surveyed).sum()), int(raised.judged.sum())
    if inside and not judged:
        known = surveyed.window.end - max(surveyed.learned.start, surveyed.presence.begin or surveyed.learned.start)
        raise _too_short(raised.policy, looks_back(raised.policy), known)
    if judged >= inside:
        return ""
    return f"{100 * judged / inside:.0f} % of the hours are judged, for the others {raised.why_not}"


def _too_short(policy: Elsewhere, back: int, known: int) -> UsageFailure:
    return UsageFailure(
        f"--policy-of {policy.name}: it looks back {length(back)}, and {length(known)} of history are known, so that "
        "nothing of it can be judged: read more history, or judge a later time"
    )
