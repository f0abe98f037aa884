"""`sl.explain` and `sl.tune`: a result that is looked at again."""

from __future__ import annotations

import time as clock
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from analyzer.again import cached, place_of
from analyzer.elsewhere.beside import theirs, with_ours
from analyzer.elsewhere.history import check_history
from analyzer.elsewhere.policy import Percentage
from analyzer.elsewhere.read import policies
from analyzer.explaining.explain import explain as explained
from analyzer.explaining.values import Explanation
from analyzer.history import History
from analyzer.model import OtherPolicy, Policy
from analyzer.notebook.frames import Moment, file_of, frame, instant, unseen
from analyzer.notebook.result import Again, Result, event_of
from analyzer.pipeline import survey
from analyzer.reading.cache import CachedSource
from analyzer.report import explained as said
from analyzer.report.elsewhere import elsewhere
from analyzer.report.table import ELSEWHERE
from analyzer.tuning import table
from analyzer.tuning.run import tuned
from traffic import truth as labels_of
from traffic.errors import UsageFailure


@dataclass(frozen=True, eq=False, repr=False)
class Explained:
    """Why something is an event, or is not; a notebook shows it like the command does."""

    values: Explanation

    def __str__(self) -> str:
        return said.text(self.values, 100)

    __repr__ = __str__

    def as_dict(self) -> dict[str, Any]:
        """All its numbers, as `./sl.py explain --json` has them."""
        return said.document(self.values)


@dataclass(frozen=True, eq=False, repr=False)
class Tuning:
    """What many policies find, miss and cost; a notebook shows it like the command does."""

    values: table.Tuned
    others: tuple[OtherPolicy, ...] = ()
    """Policies of other engines, then the present and the recommended one; none where none was named."""

    @property
    def elsewhere(self) -> pd.DataFrame:
        """The policies that `policy_of` named beside ours: the columns of elsewhere.csv."""
        return frame(ELSEWHERE, self.others)

    @property
    def policies(self) -> pd.DataFrame:
        """One row per policy, with the columns of tuning.csv."""
        return frame(table.TUNING, table.rows(self.values))

    @property
    def recommended(self) -> Policy | None:
        """The policy for `sl.discover(policy=...)`; None where none is recommended, and `print` says why."""
        return None if self.values.chosen is None else self.values.chosen.candidate.policy

    def __str__(self) -> str:
        return table.text(self.values, 100) + "".join(f"{line}\n" for line in ("", *elsewhere(self.others, 100)))

    __repr__ = __str__


def explain(result: Result, event: str | int | None = None, *, key: str = "", at: Moment | None = None) -> Explained:
    """Explain why something is an event, or is not, like `./sl.py explain`.

    Args:
        result: of `sl.discover`.
        event: its event_id, or its rank among the worst (0 is the worst).
        key, at: a series and a time instead, also where nothing was raised.

    Raises:
        UsageFailure: there is no such event or key, or the time lies outside of what was looked at.
    """
    if event is None:
        if not key or at is None:
            raise UsageFailure("explain takes an event, or a key and a time: explain(result, key=..., at=...)")
        moment, event_id = instant(at, int(clock.time())), ""
    else:
        found = event_of(result.findings, event)
        key, moment, event_id = found.key, found.start, found.id
    with _again(result) as (source, again):
        place = place_of(result.findings, again.scope, source, survey(source, again.scope), key)
        return Explained(explained(place, key, moment, event_id))


def tune(
    result: Result,
    *,
    vary: Sequence[str] = (),
    budget: float | None = None,
    truth: pd.DataFrame | str | Path | None = None,
    policy_of: Sequence[str | Path] = (),
    kentik_percentage: Percentage = "over",
) -> Tuning:
    """Try many policies on the data of a result, like `./sl.py tune`.

    Args:
        result: of `sl.discover`.
        vary: settings and their values, as `--vary` takes them: "over-percent=50..400/25"; by default 200 policies.
        budget: alerts a week, of all series, that the recommended policy may raise.
        truth: incidents to be found, with the columns key, start, end; those of the result by default.
        policy_of: policies of other engines to judge beside ours: "static=5G", or files as `--policy-of` takes them.
        kentik_percentage: whether 200 % of a policy of Kentik is 200 % over its baseline, or 200 % of it.

    Raises:
        UsageFailure: a setting or a policy is not valid, or history is too short for one.
    """
    named = [str(one) for one in policy_of]
    metric = result.findings.metric
    others = [policy for name in named for policy in policies(name, metric, kentik_percentage)]
    known = None if result.findings.verdict is None else list(result.findings.labels)
    with _again(result) as (source, again):
        if truth is not None:
            known = list(labels_of.read(file_of(truth, again.output / "truth.csv"))[0])
        present, scope = result.findings.policy, again.scope
        surveyed = survey(source, scope)
        for policy in others:
            check_history(policy, surveyed.window, surveyed.learned)
        history = History(source, surveyed, scope.resolution, unseen)
        found = tuned(history, present, vary, known, budget)
        if not others:
            return Tuning(found)
        rows = theirs(others, history, known, present)
        return Tuning(found, tuple(with_ours(rows, found, len(surveyed.spans))))


@contextmanager
def _again(result: Result) -> Iterator[tuple[CachedSource, Again]]:
    if result.again is None:
        raise UsageFailure("this result has no data attached: create it with sl.discover")
    with result.again() as again, cached(again.source, again.scope, again.output) as (source, _):
        yield source, again
