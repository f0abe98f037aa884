"""The whole of a sweep: policies, what they raise, what that is worth, and which is recommended."""

from __future__ import annotations

from collections.abc import Sequence

from analyzer.model import Policy
from analyzer.pipeline import survey
from analyzer.reading.cache import CachedSource
from analyzer.reading.scope import Progress, Scope
from analyzer.tuning.grid import DEFAULT, candidates
from analyzer.tuning.score import LEAST, choose, front, halves, interval, score
from analyzer.tuning.sweep import sweep
from analyzer.tuning.table import Tuned
from traffic.model import Label


def tuned(
    source: CachedSource,
    scope: Scope,
    present: Policy,
    vary: Sequence[str],
    labels: Sequence[Label] | None,
    budget: float | None,
    progress: Progress,
) -> Tuned:
    """Try the policies of a grid.

    Args:
        vary: as `analyzer.tuning.grid.candidates` takes it; none: the default grid.
        labels: the truth; None where there is none.
        budget: alerts a week of all series that the recommended policy may raise.

    Raises:
        UsageFailure: a setting is not valid, or there is nothing to look at.
    """
    tried = candidates(present, vary or DEFAULT)
    surveyed = survey(source, scope)
    truth = None if labels is None else [one for one in labels if one.key in surveyed.spans or not one.key]
    keys = (
        frozenset(surveyed.spans)
        if truth and any(not one.key for one in truth)
        else frozenset(one.key for one in truth or ())
    )
    swept = sweep(source, surveyed, scope.resolution, [one.policy for one in tried], keys, progress)
    scores = [
        score(one, raised, surveyed, truth, source.metric.name, scope.resolution)
        for one, raised in zip(tried, swept, strict=True)
    ]
    now = next(one for one in scores if one.candidate.policy == present)
    incidents = None if truth is None else sum(now.total(what) for what in (now.hits, now.misses, now.not_judged))
    parts = halves(surveyed)
    why = ""
    chosen = None
    if incidents is None:
        why = "there is no truth to choose by: give a list of incidents with --truth, or mark events"
    elif incidents < LEAST:
        why = f"there are {incidents} incidents, and fewer than {LEAST} say too little"
    elif parts is None:
        why = "there are fewer than two weeks to choose on and to judge on"
    else:
        chosen = choose(scores, now, parts, budget)
        why = "" if chosen else f"none of these policies raises only {budget:g} alerts a week on the first weeks"
    return Tuned(
        scores=scores,
        present=now,
        front=front(scores) if incidents else [],
        chosen=chosen,
        why_not=why,
        parts=parts,
        sure=interval(chosen, parts.last) if chosen is not None and parts is not None else None,
        incidents=incidents,
        budget=budget,
    )
