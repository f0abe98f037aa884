"""Pure: whether an answer says of itself that nothing is missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from traffic.errors import PartialAnswer
from traffic.store.elastic.refusals import shown

COMPLETE = (
    "timed_out,terminated_early,_clusters,"
    "_shards.total,_shards.successful,_shards.failed,_shards.failures.reason.reason"
)
"""What has to be asked for with every search, so that a part is never taken for the whole."""


def check_complete(answer: Mapping[str, Any], name: str) -> None:
    """Elasticsearch can answer 200 with less than it was asked for: make sure that it did not.

    Raises:
        PartialAnswer: it did, or does not say.
    """
    try:
        why = _incomplete(answer)
    except (LookupError, TypeError, AttributeError):
        why = "it does not say whether it is complete"
    if why:
        raise PartialAnswer(f"{name} sent a partial answer ({why}); nothing was used: try again when it has recovered")


def _incomplete(answer: Mapping[str, Any]) -> str | None:
    """What is missing of an answer; None where it says of itself that nothing is."""
    shards = answer["_shards"]
    failed, total, successful = shards["failed"], shards["total"], shards["successful"]
    if any(type(count) is not int for count in (failed, total, successful)):
        raise TypeError("an invalid number of shards")
    if failed or successful != total:
        reasons = [failure["reason"]["reason"] for failure in shards.get("failures") or () if failure.get("reason")]
        much = f"{failed} of {total} shards failed" if failed else f"{successful} of {total} shards answered"
        return much + (f", {shown(str(reasons[0]))}" if reasons else "")
    if answer["timed_out"] is not False:
        return "it exceeded the cluster's time limit for a search"
    if answer.get("terminated_early"):
        return "it stopped early"
    if "_clusters" in answer:
        clusters = answer["_clusters"]
        left_out = [kind for kind in ("skipped", "partial", "failed", "running") if clusters.get(kind)]
        states = {str(one["status"]) for one in clusters.get("details", {}).values()} - {"successful"}
        if left_out or states or clusters["successful"] != clusters["total"]:
            return f"clusters are {' and '.join(sorted({*left_out, *states})) or 'missing'}"
    return None


def check_shards(answer: Mapping[str, Any], name: str, least: int = 0) -> None:
    """Whether what was asked of all shards (a refresh, their figures) was done by each that is there.

    Copies that have no node count as total, not as successful; `least` is how many have to be there.

    Raises:
        PartialAnswer: it was not, or the answer does not say.
    """
    shards = answer.get("_shards")
    counts = (shards.get("failed"), shards.get("successful")) if isinstance(shards, dict) else (None, None)
    failed, successful = counts
    if type(failed) is not int or type(successful) is not int:
        raise PartialAnswer(f"{name} does not say whether all of its shards succeeded; try again")
    if failed or successful < least:
        raise PartialAnswer(
            f"{name} could not reach all of its shards ({failed} failed, {successful} succeeded); nothing was used: "
            "try again when it has recovered"
        )
