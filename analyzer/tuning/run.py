"""A whole sweep: policies, what they raise, their scores, and which one is recommended."""

from __future__ import annotations

from collections.abc import Sequence

from analyzer.history import History
from analyzer.model import Policy
from analyzer.report.words import plural
from analyzer.tuning.grid import DEFAULT, candidates
from analyzer.tuning.score import LEAST, choose, front, halves, interval
from analyzer.tuning.sizes import sizes_of
from analyzer.tuning.table import Tuned
from analyzer.tuning.tried import tried
from traffic.model import Label


def tuned(
    history: History,
    present: Policy,
    vary: Sequence[str],
    labels: Sequence[Label] | None,
    budget: float | None,
    engine: str = "discover",
) -> Tuned:
    """Try the policies of a grid.

    Args:
        vary: as `analyzer.tuning.grid.candidates` takes it; if empty, the default grid.
        labels: the truth; None if there is none.
        budget: alerts per week, over all series, that the recommended policy may raise; None: no limit.
        engine: what raises the alerts, a name of `analyzer.tuning.tried.ENGINES`.

    Raises:
        UsageFailure: a setting is not valid.
    """
    found = tried(history, candidates(present, vary or DEFAULT), labels, engine)
    scores = [one.score for one in found]
    now = next(one for one in scores if one.candidate.alerts_as(present))
    incidents = None if labels is None else sum(now.total(what) for what in (now.hits, now.misses, now.not_judged))
    parts = halves(history.surveyed.window)
    why = ""
    chosen = None
    if incidents is None:
        why = "there are no labels to choose by: pass a list of incidents with --truth, or mark events"
    elif incidents < LEAST:
        why = f"only {plural(incidents, 'incident')}; at least {LEAST} are needed"
    elif parts is None:
        why = "there are fewer than two weeks, too few to choose on one part and test on the other"
    else:
        chosen = choose(scores, now, parts, budget)
        why = "" if chosen else f"none of these policies stays within {budget:g} alerts a week in the first weeks"
    return Tuned(
        scores=scores,
        present=now,
        front=front(scores) if incidents else [],
        chosen=chosen,
        why_not=why,
        parts=parts,
        engine=engine,
        sizes={
            name: sizes
            for name, one in (("present", now), ("recommended", chosen))
            if one is not None and (sizes := sizes_of(one, labels or ())) is not None
        },
        sure=interval(chosen, parts.last) if chosen is not None and parts is not None else None,
        incidents=incidents,
        budget=budget,
    )
