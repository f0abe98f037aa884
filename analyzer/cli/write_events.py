"""`discover --write-events`: what was found, into an index."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from traffic import console, store_options
from traffic.errors import UsageFailure

if TYPE_CHECKING:
    from analyzer.model import Findings

into_an_index = click.option(
    "--write-events",
    metavar="INDEX",
    help="Also write events, incidents and contributors to Elasticsearch: https://HOST:9200/INDEX, or an index name "
    "on the cluster of --store.",
)


@dataclass(frozen=True)
class EventsTarget:
    """Where they go, and how one gets in there."""

    address: str
    entry: store_options.EntryOptions


def events_target(named: str, store: str, said: store_options.EntryOptions) -> EventsTarget:
    """What `--write-events` means.

    The options for logging in speak of the store; of another cluster the environment does, unless the store needs none.

    Raises:
        UsageFailure: it is a bare name, and the store is in no cluster.
    """
    from traffic.store.kinds import ELASTIC, kind_of, service_of

    if set("*?,") & set(named.rpartition("/")[2]):
        raise UsageFailure("--write-events needs a single index, not a pattern: https://HOST:9200/INDEX")

    kind = kind_of(store)
    if "://" not in named and service_of(named) is not ELASTIC:
        if kind is not ELASTIC or "/" in named:
            raise UsageFailure("--write-events needs https://HOST:9200/INDEX, or an index name if --store is a cluster")
        return EventsTarget(f"{store.rpartition('/')[0]}/{named}" if "/" in store else f"elasticsearch:{named}", said)
    if service_of(named) is not ELASTIC:
        raise UsageFailure("--write-events needs an Elasticsearch index: https://HOST:9200/INDEX")
    theirs = kind.login is not None and _cluster(named) != _cluster(store)
    return EventsTarget(named, store_options.EntryOptions(wait=said.wait) if theirs else said)


def _cluster(address: str) -> str:
    return address.rpartition("/")[0].rpartition("@")[2]


def write_events(findings: Findings, target: EventsTarget, chosen: tuple[object, ...], silent: bool) -> None:
    """Write them, and say how many.

    Raises:
        AccessDenied, StoreError: the cluster does not take them.
    """
    from analyzer.report.ecs import PROPERTIES, documents, scope
    from traffic.store.elastic import FindingsIndex

    access = store_options.entry_of(target.address, target.entry)
    assert access is not None, "Elasticsearch is a service"
    index = FindingsIndex(target.address, access, PROPERTIES)
    try:
        found = documents(findings)
        removed = index.replace(scope(findings, chosen), findings.window, found)
    finally:
        index.close()
    if not silent:
        gone = f", and {removed:,} removed that are no longer found" if removed else ""
        console.note(f"{len(found):,} documents in {index.name}{gone}")
