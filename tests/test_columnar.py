"""Findings as they are sent to another process."""

from __future__ import annotations

import pickle
import pickletools
from dataclasses import replace

import pytest

from analyzer.model import Contributor, Findings, NotJudged
from tests.findings_maker import NASTY_KEYS, make_findings


def sent(findings: Findings) -> Findings:
    found: Findings = pickle.loads(pickle.dumps(findings))
    return found


@pytest.mark.parametrize("count", [0, 1, 40])
def test_findings_arrive_as_they_are(count: int) -> None:
    made = replace(make_findings(count, keys=NASTY_KEYS, seed=5), traces=())
    rows = tuple(Contributor(event.id, "port", "53", None, 1.0, None, 0.5, rate=2.0) for event in made.events)
    for findings in (made, replace(made, contributors=rows, verdict=None)):
        again = sent(findings)
        assert again == findings
        assert [type(event) for event in again.events] == [type(event) for event in findings.events]
    found = sent(made).verdict
    assert found is not None
    assert made.verdict is not None
    assert found.hits == made.verdict.hits


def test_they_are_sent_by_columns() -> None:
    findings = replace(make_findings(2000, keys=NASTY_KEYS, seed=5), traces=())
    # Of rows, each would be an object of its own.
    assert sum(code.name == "BUILD" for code, *_ in pickletools.genops(pickle.dumps(findings))) < 20


def test_rows_of_several_classes_stay_rows() -> None:
    findings = replace(make_findings(2, traces=0), traces=())
    mixed = replace(findings, events=(findings.events[0], NotJudged("a", 0, 1, "gap")))  # type: ignore[arg-type]
    assert sent(mixed).events == mixed.events
