"""No answer of a cluster is believed because it carries no complaint: of hundreds that differ from the truth in one
place none changes what a run finds, and none is kept."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from analyzer.model import Findings
from tests.elastic_forger import Forger, changes
from tests.elasticsearch.server import Server
from tests.test_elastic_as_it_is import END, FLOWS, documents, events, put, run
from traffic.errors import Failure
from traffic.model import HOUR, WEEK

EACH = 25
"""Forged answers of a kind; three times as many of data."""
READINGS = {"buckets": FLOWS, "hours": replace(FLOWS, step=HOUR)}
KINDS = ("page", "extent", "coverage", "_stats", "_refresh", "newest")


@pytest.fixture
def forger(elasticsearch: Server) -> Iterator[Forger]:
    found = Forger(elasticsearch.url)
    yield found
    found.close()


def told(found: Findings) -> Any:
    coverage = found.coverage
    return events(found), found.not_judged, found.keys, coverage.rows, coverage.reasons, coverage.read, coverage.held


@pytest.mark.parametrize(
    ("reading", "kind"), [*((one, "data") for one in READINGS), *(("hours", one) for one in KINDS)]
)
def test_none_of_many_forged_answers_is_believed_or_kept(
    elasticsearch_index: str, elasticsearch: Server, forger: Forger, tmp_path: Path, reading: str, kind: str
) -> None:
    put(elasticsearch, elasticsearch_index, documents(END - 3 * WEEK))
    store = f"{forger.url}/{elasticsearch_index}"
    truth = told(run(store, tmp_path / "truth", READINGS[reading]))
    wanted = reading if kind == "data" else kind
    many = changes(json.loads(forger.seen[wanted]))
    few = EACH * (3 if kind == "data" else 1)
    picked = random.Random(f"{kind} {reading}").sample(many, min(len(many), few))
    outcomes: Counter[str] = Counter()
    for number, change in enumerate(picked):
        output = tmp_path / str(number)
        forger.kind, forger.change = wanted, change
        try:
            found = told(run(store, output, READINGS[reading]))
            assert found == truth, (wanted, change[0])
            outcomes["harmless"] += 1
        except Failure:
            outcomes["refused"] += 1
        forger.kind = None
        assert told(run(store, output, READINGS[reading])) == truth, (wanted, change[0], "was kept")
    # Shards that are said to be away are asked again, and this forger speaks once.
    assert outcomes["refused"] > 0 or kind == "_refresh"
