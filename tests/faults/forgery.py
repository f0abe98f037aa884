"""Answers of a cluster that were changed in one place: none is believed, none is kept."""

from __future__ import annotations

import json
import random
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from analyzer.model import Findings
from tests.elastic_forger import Forger, changes
from tests.elasticsearch.server import Server
from tests.faults.outcomes import Outcomes
from tests.test_elastic_as_it_is import END, FLOWS, documents, events, put, run
from traffic.errors import Failure
from traffic.model import HOUR, WEEK

READINGS = {"buckets": FLOWS, "hours": replace(FLOWS, step=HOUR)}
KINDS = ("page", "extent", "coverage", "_stats", "_refresh", "newest")
TRIALS = (*(("hours", one) for one in KINDS), *((one, "data") for one in READINGS))
"""How an index is read, and which kind of answer is another one."""


def told(found: Findings) -> Any:
    """What has to be equal."""
    coverage = found.coverage
    return events(found), found.not_judged, found.keys, coverage.rows, coverage.reasons, coverage.read, coverage.held


def forge(server: Server, index: str, folder: Path, reading: str, kind: str, count: int, seed: str = "") -> Outcomes:
    """One kind of answers, forged in so many places; whatever is made of it, the next run finds the truth."""
    found = Outcomes(f"{reading} {kind}")
    forger = Forger(server.url)
    try:
        store = f"{forger.url}/{index}"
        truth = told(run(store, folder / "truth", READINGS[reading]))
        wanted = reading if kind == "data" else kind
        many = changes(json.loads(forger.seen[wanted]))
        for change in random.Random(f"{kind} {reading}{seed}").sample(many, min(len(many), count)):
            forger.kind, forger.forged, wrong = wanted, change, ""
            try:
                if told(run(store, folder / "run", READINGS[reading])) != truth:
                    wrong = f"{wanted} {change[0]} was believed"
                outcome = "harmless"
            except Failure:
                outcome = "refused"
            forger.kind = None
            if told(run(store, folder / "run", READINGS[reading])) != truth:
                wrong += f"{wanted} {change[0]} was kept"
            found.add(outcome, wrong)
            shutil.rmtree(folder / "run")
    finally:
        forger.close()
    return found


def forged_answers(server: Server, index: str, folder: Path, count: int) -> Outcomes:
    """All kinds, in so many places together; what a kind has too few places for falls to those after it, data last."""
    found = Outcomes("an answer of Elasticsearch forged in one place (8 kinds of answers)")
    put(server, index, documents(END - 3 * WEEK))
    weights = [3 if kind == "data" else 1 for _, kind in TRIALS]
    for number, (reading, kind) in enumerate(TRIALS):
        few = round((count - found.tried) * weights[number] / sum(weights[number:]))
        some = forge(server, index, folder / str(number), reading, kind, few, seed=" all")
        found.tried += some.tried
        found.became += some.became
        found.wrong += some.wrong
    return found
