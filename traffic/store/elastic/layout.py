"""What a store of ours is in Elasticsearch: weekly indices behind an alias, which say in `_meta` what they belong to.

All say the same: the same manifest as the embedded store's `store.json`. It is changed in all of them by one request,
which a cluster carries out as a whole or not at all; indices are made with what the others say already.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from traffic.model import WEEK, Window, week_start
from traffic.store.base import DamagedStore, ForeignStore, NoSuchStore
from traffic.store.elastic.answers import understood
from traffic.store.elastic.client import Cluster
from traffic.store.folder import FORMAT, Manifest

META, FLOW_META = "sl", "sl_flows"
"""Under which name indices of totals, and of flow records, say what they are."""
WAY_OUT = "run ./sl.py generate --replace to recreate it"


@dataclass(frozen=True)
class Layout:
    """What stands behind the name of a store."""

    ours: Manifest | None
    """What our indices say of themselves; None where there are none."""
    weeks: Mapping[int, str]
    """First second -> index, of those that are ours."""
    others: tuple[str, ...]
    """Indices behind that name that are not ours."""
    shards: Mapping[str, int] = field(default_factory=dict)
    """Index -> of how many shards it consists, of all that can be searched."""
    closed: tuple[str, ...] = ()
    """Indices behind that name that cannot."""

    @property
    def identity(self) -> str | None:
        """Of what was generated; None while it is not there as a whole, or is not ours."""
        if self.ours is None or self.ours.window is None or self.others:
            return None
        there = all(week_start(week.start) in self.weeks for week in self.ours.window.weeks())
        return self.ours.identity if there else None


def look(cluster: Cluster, meta: str = META, *, optional: bool = False) -> Layout:
    """What is behind the name of the store now; nothing where there is no such index.

    Args:
        cluster: and the name.
        meta: what ours are, totals or flow records.
        optional: whether there may well be none; an index that is not there is asked for again otherwise, since a
            cluster that has just started may not know of it yet.

    Raises:
        DamagedStore: what our indices say makes no sense.
        ForeignStore: they were made by another version.
    """
    shards, closed, metas = _behind(cluster, meta, optional)
    names = set(shards) or ({cluster.place.index} if cluster.place.remote else set())
    ours = {name: _parse(name, one) for name, one in metas.items()}
    others = tuple(sorted(names - set(ours)))
    weeks = {week: name for name in ours if (week := week_of(name)) is not None}
    manifests = list(ours.values())
    if not manifests:
        return Layout(None, {}, others, shards, closed)
    common = manifests[0]
    if any(one != common for one in manifests):
        raise DamagedStore(f"the indices of {cluster.name} contradict each other: {WAY_OUT}")
    return Layout(common, weeks, others, shards, closed)


def drop(cluster: Cluster, meta: str = META, *, optional: bool = False) -> None:
    """Remove all of our indices behind the name, in one request: a run that is killed leaves all of them or none."""
    *_, metas = _behind(cluster, meta, optional)
    if metas:
        cluster.ask("DELETE", "/" + ",".join(sorted(metas)))


def _behind(
    cluster: Cluster, meta: str, optional: bool = False
) -> tuple[dict[str, int], tuple[str, ...], dict[str, Any]]:
    """The indices behind the name and their shards, those that are closed, and what those say that are ours."""
    if cluster.place.remote:
        # Indices of another cluster cannot be looked into from here, only searched.
        return {}, (), {}
    path = f"/{cluster.place.index}"
    paths = (f"*.settings.index.{name}" for name in ("uuid", "number_of_shards", "verified_before_close"))
    lenient = {"ignore_unavailable": "true"} if optional else {}
    wanted = {"filter_path": ",".join(paths), "expand_wildcards": "open,closed"}
    try:
        found = cluster.ask("GET", f"{path}/_mapping", {"filter_path": f"*.mappings._meta.{meta}", **lenient})
        settings = cluster.ask("GET", f"{path}/_settings", {**wanted, **lenient})
    except NoSuchStore:
        return {}, (), {}
    with understood(cluster.name):
        about = {name: one["settings"]["index"] for name, one in settings.items()}
        closed = tuple(sorted(name for name, one in about.items() if one.get("verified_before_close") == "true"))
        shards = {name: int(one["number_of_shards"]) for name, one in sorted(about.items()) if name not in closed}
        metas = {name: one["mappings"]["_meta"][meta] for name, one in found.items() if name in shards}
    return shards, closed, metas


def week_index(index: str, week: int) -> str:
    """The index of a week (its first second)."""
    return f"{index}-week-{datetime.fromtimestamp(week, UTC).date().isoformat()}"


def week_of(name: str) -> int | None:
    """The first second of the week of such an index, or None."""
    try:
        start = int(datetime.strptime(name[-10:], "%Y-%m-%d").replace(tzinfo=UTC).timestamp())
    except ValueError:
        return None
    return start if "-week-" in name and week_start(start) == start else None


def whole_week(week: int) -> Window:
    """From its first second."""
    return Window(week, week + WEEK)


def said(manifest: Manifest, meta: str = META) -> dict[str, Any]:
    """A manifest as `_meta`."""
    windows = {"window": manifest.window, "begun": manifest.begun}
    return {
        meta: {
            "format": manifest.format,
            "field": manifest.field,
            "step": manifest.step,
            "scenario": manifest.scenario,
            **{name: None if one is None else [one.start, one.end] for name, one in windows.items()},
        }
    }


def _parse(name: str, fields: Any) -> Manifest:
    try:
        if fields["format"] != FORMAT:
            raise ForeignStore(
                f"{name} has the format {fields['format']}, not {FORMAT}: use the version that made it, or {WAY_OUT}"
            )
        window, begun = (
            None if fields.get(one) is None else Window(*map(int, fields[one])) for one in ("window", "begun")
        )
        return Manifest(
            FORMAT, str(fields["field"]), int(fields["step"]), 0, str(fields["scenario"]), window=window, begun=begun
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DamagedStore(f"the metadata of {name} are damaged ({error}): {WAY_OUT}") from error
